import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

/** A feed of quotes that knows nothing of payments. Says its port on stdout. */
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/quotes' })
server.on('connection', (socket) => {
  let number = 0
  const timer = setInterval(
    () => socket.send(JSON.stringify({ number: ++number, price: 60_000 + Math.round(Math.random() * 100) })),
    20,
  )
  socket.on('message', (data) => socket.send(JSON.stringify({ subscribed: data.toString() })))
  socket.on('close', () => clearInterval(timer))
})
server.on('listening', () => console.log((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
