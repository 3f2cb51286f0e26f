import { expect, it } from 'vitest'
import { readQualities } from './qualities.ts'

it('reads qualities, the best first, with the price that each has of its own', () => {
  expect(readQualities('480p, 1080p = 4 sat/s ,720p=0.01 USD/min')).toEqual([
    { height: 1080, price: '4 sat/s' },
    { height: 720, price: '0.01 USD/min' },
    { height: 480 },
  ])
})

it.each([
  '',
  ',',
  '480',
  '481p',
  '0p',
  '480p=',
  '480p=4',
  '480p=1 sat/MiB',
  '480p,480p',
  '2p,4p,6p,8p,10p,12p,14p,16p,18p',
])('refuses %j', (text) => {
  expect(() => readQualities(text)).toThrow()
})
