import fc from 'fast-check'

/*
 * fast-check, with the same cases each time unless others are asked for:
 *
 *   FAST_CHECK_SEED=random npm test -- test/core   other cases each time
 *   FAST_CHECK_SEED=12345 npm test -- test/core    those that a failure named
 *
 * A change is then judged by what it changes, and not by the draw of the day.
 */

const seed = process.env['FAST_CHECK_SEED'] ?? '1'

if (seed !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })

export default fc
