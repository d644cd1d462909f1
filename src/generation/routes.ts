/** The routes of a generation, each compiled when it is first asked for, or before. */
import type { RouteConfig } from '../config/config.ts'
import type { Route } from './route.ts'

export class Routes {
  readonly #compiled = new Map<RouteConfig, Route>()
  readonly #compile: (config: RouteConfig) => Route

  constructor(compile: (config: RouteConfig) => Route) {
    this.#compile = compile
  }

  /** Throws what a plugin threw. */
  of(config: RouteConfig): Route {
    const known = this.#compiled.get(config)
    if (known !== undefined) return known
    const route = this.#compile(config)
    this.#compiled.set(config, route)
    return route
  }

  add(config: RouteConfig, route: Route): void {
    this.#compiled.set(config, route)
  }

  get compiled(): ReadonlyMap<RouteConfig, Route> {
    return this.#compiled
  }
}
