import type { FigureResult } from '../figure.ts'
import { abandon } from './abandon.ts'
import { challenge } from './challenge.ts'
import { credential } from './credential.ts'
import { firstByte } from './firstByte.ts'
import { firstBytePrepaid } from './firstBytePrepaid.ts'
import { flood } from './flood.ts'
import { gatewayBody } from './gatewayBody.ts'
import { gatewaySse } from './gatewaySse.ts'
import { goodput } from './goodput.ts'
import { memory } from './memory.ts'
import { paced } from './paced.ts'
import { prototype } from './prototype.ts'
import { proxyBody } from './proxyBody.ts'
import { proxyGaps } from './proxyGaps.ts'
import { proxyLatency } from './proxyLatency.ts'
import { proxyModelGaps } from './proxyModelGaps.ts'
import { request } from './request.ts'
import { risk } from './risk.ts'
import { sessionStall } from './sessionStall.ts'
import { stall } from './stall.ts'

/** Every figure of the benchmark, by name. */
export const FIGURES: Readonly<Record<string, () => Promise<FigureResult>>> = {
  goodput,
  paced,
  prototype,
  stall,
  'session-stall': sessionStall,
  abandon,
  challenge,
  request,
  flood,
  credential,
  memory,
  'first-byte': firstByte,
  'first-byte-l402': firstBytePrepaid('l402'),
  'first-byte-charge': firstBytePrepaid('charge'),
  'first-byte-session': firstBytePrepaid('session'),
  'gateway-body': gatewayBody,
  'gateway-sse': gatewaySse,
  'proxy-body': proxyBody,
  'proxy-gaps': proxyGaps,
  'proxy-model-gaps': proxyModelGaps,
  'proxy-latency': proxyLatency,
  risk,
}
