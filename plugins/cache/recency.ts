/** A doubly linked list through its own elements: what was used last stands in front. */

export interface RecencyNode {
  newer: this | null
  older: this | null
}

export class RecencyList<T extends RecencyNode> {
  #first: T | null = null
  #last: T | null = null

  /** The least recently used. */
  get last(): T | null {
    return this.#last
  }

  addToFront(node: T): void {
    node.newer = null
    node.older = this.#first
    if (this.#first !== null) this.#first.newer = node
    this.#first = node
    this.#last ??= node
  }

  moveToFront(node: T): void {
    if (this.#first === node) return
    this.remove(node)
    this.addToFront(node)
  }

  remove(node: T): void {
    const { newer, older } = node
    if (newer === null) this.#first = older
    else newer.older = older
    if (older === null) this.#last = newer
    else older.newer = newer
    node.newer = null
    node.older = null
  }
}
