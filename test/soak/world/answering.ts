import type { Question, Questions } from './orders.ts'

type Answers = { readonly [Q in Question]?: (asks: Questions[Q]['asks']) => Promise<Questions[Q]['answers']> }

/** The other end of `child.ts`: tells the parent that this process is ready, and answers it; it never outlives it. */
export function answering(answers: Answers): void {
  process.on('disconnect', () => process.exit())
  process.on('message', ({ to, question, asks }: { to: number; question: Question; asks: never }) => {
    const answer = answers[question]
    const done = answer ? answer(asks) : Promise.reject(new Error('this process is not asked that'))
    done.then(
      (value) => process.send?.({ to, value }),
      (error: unknown) => process.send?.({ to, error: error instanceof Error ? error.stack : String(error) }),
    )
  })
  process.send?.({ to: 0 })
}
