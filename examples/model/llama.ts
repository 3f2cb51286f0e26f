import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import type { Message } from './chatRequest.ts'

/** How the next token is chosen. */
export interface Sampling {
  /** 0 always takes the likeliest token. */
  readonly temperature: number
  /** Only the likeliest tokens whose probabilities add up to this are considered; 0 to 1. */
  readonly topP: number
  /** The same seed and prompt give the same text. */
  readonly seed?: number
}

/** A loaded model. It computes one answer at a time: whoever shares it takes turns. */
export interface LanguageModel {
  readonly name: string
  /** The prompt and the answer together are at most this many tokens. */
  readonly contextTokens: number
  promptOf(messages: readonly Message[]): number[]
  /**
   * The text of one token after another; '' where a token completes no character. Each token is computed when it is
   * asked for and not before, so whoever stops asking stops the computing. Ends where the model ends its answer.
   */
  generate(prompt: readonly number[], sampling: Sampling): AsyncGenerator<string, void, void>
  close(): Promise<void>
}

/*
 * The part of node-llama-cpp that is used here, written out: the package is installed on demand, and the repository's
 * type check must pass without it.
 */
interface LlamaModule {
  getLlama(options: { gpu: false; build: 'never'; skipDownload: true; progressLogs: false }): Promise<Llama>
}
interface Llama {
  loadModel(options: { modelPath: string }): Promise<LlamaModel>
  dispose(): Promise<void>
}
interface LlamaModel {
  createContext(options: { contextSize: number; threads: number; sequences: number }): Promise<LlamaContext>
  tokenize(text: string, specialTokens: boolean): number[]
  detokenize(tokens: readonly number[]): string
}
interface LlamaContext {
  getSequence(): LlamaSequence
}
interface LlamaSequence {
  clearHistory(): Promise<void>
  evaluate(
    tokens: readonly number[],
    options: { temperature: number; topP: number; seed?: number; yieldEogToken: false },
  ): AsyncIterable<number>
}

const CONTEXT_TOKENS = 2048
/** A character of UTF-8 has at most this many bytes, so at most this many tokens spell it. */
const LONGEST_CHARACTER = 4
/**
 * Half of the cores: llama.cpp's threads wait for each other by spinning, so on cores that others use as well, more
 * threads were measured to be up to fifty times slower.
 */
const threads = (): number => Math.max(1, Math.floor(availableParallelism() / 2))

/**
 * Loads a GGUF file with the llama.cpp that is installed below `modules`.
 * @param entry path of node-llama-cpp's entry file
 * @throws whatever llama.cpp says where its binary does not run
 */
export async function loadLanguageModel(entry: string, file: string, name: string): Promise<LanguageModel> {
  const { getLlama } = (await import(pathToFileURL(entry).href)) as LlamaModule
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false })
  const model = await llama.loadModel({ modelPath: file })
  const context = await model.createContext({ contextSize: CONTEXT_TOKENS, threads: threads(), sequences: 1 })
  const sequence = context.getSequence()
  return {
    name,
    contextTokens: CONTEXT_TOKENS,
    promptOf: (messages) => chatPrompt(model, messages),
    async *generate(prompt, sampling) {
      await sequence.clearHistory()
      let pending: number[] = []
      for await (const token of sequence.evaluate(prompt, { ...sampling, yieldEogToken: false })) {
        pending.push(token)
        const text = model.detokenize(pending)
        const unfinished = text.endsWith('\uFFFD') && pending.length < LONGEST_CHARACTER
        if (!unfinished) pending = []
        yield unfinished ? '' : text
      }
    },
    close: () => llama.dispose(),
  }
}

/** ChatML, which SmolLM2 was trained on. A message's own text can never become a control token: it is tokenized as text. */
function chatPrompt(model: LlamaModel, messages: readonly Message[]): number[] {
  const control = (text: string) => model.tokenize(text, true)
  return [
    ...messages.flatMap(({ role, content }) => [
      ...control(`<|im_start|>${role}\n`),
      ...model.tokenize(content, false),
      ...control('<|im_end|>\n'),
    ]),
    ...control('<|im_start|>assistant\n'),
  ]
}
