import { type Command, Option } from 'commander'
import { yesOption } from '../confirm.ts'
import { jsonOption, nodeOption } from '../options.ts'

const feeCapOption = (): Option =>
  new Option('--max-fee <cap>', 'the most that routing may add: "1%" or "10 sat" (default: 3%, and at least 5 sat)')
const timeoutOption = (): Option =>
  new Option('--timeout <time>', 'how long it is tried, and an unknown outcome asked after').default('60s')

/** The options of a payment by hand, whatever it pays. */
export const addPayingOptions = (command: Command): Command =>
  command
    .addOption(feeCapOption())
    .addOption(timeoutOption())
    .addOption(nodeOption())
    .addOption(yesOption())
    .addOption(jsonOption())
