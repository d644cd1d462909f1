/** The program of the peer http-proxy: ports of the gateway, of its status page and of the origin on the command line. */
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'

const [port, statusPort, originPort] = process.argv.slice(2).map(Number)
const agent = new Agent({ keepAlive: true, maxSockets: 256 })
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${originPort}`, agent, xfwd: true })
createServer((request, response) => proxy.web(request, response)).listen(port, '127.0.0.1')
createServer((_request, response) => response.end()).listen(statusPort, '127.0.0.1')
