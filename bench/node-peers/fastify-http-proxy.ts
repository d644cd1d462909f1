/** The program of the peer fastify-http-proxy: ports of the gateway, of its status page and of the origin on the command line. */
import { createServer } from 'node:http'
import fastifyHttpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'

const [port, statusPort, originPort] = process.argv.slice(2).map(Number)
const app = Fastify()
app.register(fastifyHttpProxy, { upstream: `http://127.0.0.1:${originPort}` })
await app.listen({ port: port!, host: '127.0.0.1' })
createServer((_request, response) => response.end()).listen(statusPort, '127.0.0.1')
