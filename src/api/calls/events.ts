import { call } from '../call.ts'

export const listen = call({
  method: 'GET',
  path: '/events',
  id: 'listen',
  summary: 'What is being paid, live',
  description:
    'Server-Sent Events, until the client leaves. A caller hears of its own, the owner of everything. Who does not read fast enough is told ' +
    'how many events it `missed`.',
  answers: { 200: { description: 'Events: a name, and JSON with amounts in msat', type: 'text/event-stream' } },
  run: async (_, { listening, caller }) => listening.open(caller),
})
