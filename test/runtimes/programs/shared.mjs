// One of several processes that write into one journal: the first stays, holding what it wrote, until it is killed.
import process from 'node:process'
import { openJournal } from 'streampay/buyer'
import { tell } from './talk.mjs'

const [home, role = 'first'] = process.argv.slice(2)
const journal = openJournal(`${home}/journal.db`)

async function write(wanted) {
  let written = 0
  for (let i = 0; i < wanted; i++) {
    const payment = {
      ...{
        paymentHash: `${role}-${i}`,
        request: 'none',
        agreementId: 'its-own',
        origin: 'http://127.0.0.1:1',
        payer: 'none',
      },
      ...{ amount: 1000n, maxFee: 0n, createdAtMs: Date.now(), receivedSteps: 0n },
    }
    if ((await journal.addPayment(payment)).written) written++
  }
  return written
}

if (role === 'first') {
  await journal.setLimit('total', 100_000n)
  const texts = {
    id: 'its-own',
    secret: 's',
    url: 'http://127.0.0.1:1/',
    method: 'GET',
    challenge: '{}',
    agreement: '{}',
  }
  await journal.addAgreement({ ...texts, createdAtMs: Date.now() })
  await write(40)
  tell({ holding: 'its-own' })
  setInterval(() => {}, 1000)
} else {
  const taken = await journal.holdAgreement('its-own')
  const abandoned = (await journal.abandonedPayments()).filter(({ paymentHash }) =>
    paymentHash.startsWith('first'),
  ).length
  const written = await write(100)
  tell({ result: { taken, abandoned, written, refused: 100 - written } })
  await journal.end()
}
