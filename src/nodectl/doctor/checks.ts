/** Every check, in the order of the walk, and why it matters. */
export const WHY = {
  embedded: 'The embedded node runs real Lightning in WebAssembly, in this process.',
  chain:
    'The embedded nodes of this machine share one private chain; it holds their coins and channels, which are worth nothing.',
  node: 'Without a program, a record and its files there is nothing to start or to reach.',
  address: 'Every command speaks with the node over this address.',
  certificate: 'It proves that it is this node that is spoken with, and no one in between.',
  wallet: 'A locked wallet signs nothing: no payment goes out, no channel is opened.',
  macaroon: 'It says what a program may do with the node; whoever gets hold of it can do the same.',
  version: 'Older LNDs lack calls that are made here, and repairs of what lost money.',
  network: 'Money of one network is nothing on another; what crosses is lost.',
  sync: 'A node that is behind its chain opens no channels and cannot see that it is cheated.',
  clock: 'Invoices expire and blocks are judged by this clock.',
  peers: 'Channels work only while the peer at their other end is connected.',
  channels: 'Payments travel in channels and nowhere else.',
  outbound: 'What the own side of the channels holds is what can be paid.',
  inbound: 'What the other side of the channels holds is what can be received.',
  payment: 'Only a payment that arrives shows that all of it works together.',
  tls: 'Off this machine, credentials over plain http can be used by whoever listens.',
  seller: 'Buyers meet the seller at this URL.',
  offer: 'The 402 answer carries the price and the terms; what is not well-formed nobody accepts.',
  'offer-network': 'Who pays and who is paid must be on one network.',
  buffering: 'A proxy that collects answers lets neither data nor payments flow.',
} as const

export type CheckName = keyof typeof WHY

export const CHECKS = Object.keys(WHY) as readonly CheckName[]
