import { call } from '../call.ts'
import { Balance, Status } from '../schemas.ts'
import { spendable } from '../spendable.ts'

export const status = call({
  method: 'GET',
  path: '/status',
  id: 'getStatus',
  summary: 'This process, its node, and who is asking',
  answers: { 200: { description: 'How it stands', schema: Status } },
  async run(_, { parts, caller, url }) {
    const { publicKey, network, alias } = await parts.node.info()
    const { version } = parts
    const node = { publicKey, network, ...(alias !== '' && { alias }) }
    return { status: 200, body: { version, url, node, caller: { name: caller.name, owner: caller.isOwner } } }
  },
})

export const balance = call({
  method: 'GET',
  path: '/balance',
  id: 'getBalance',
  summary: 'What can be sent and received now',
  answers: { 200: { description: 'Estimates: fees and reserves move', schema: Balance } },
  async run(_, { parts, caller, journal }) {
    const { canSend, canReceive } = await parts.node.info()
    return {
      status: 200,
      body: { sendable: await spendable(canSend, caller, journal), receivable: canReceive },
    }
  },
})
