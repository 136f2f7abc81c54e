import t from 'tap'
import { readTable } from '../../src/netproxy/read-table.ts'

const listing = (elem: unknown): string => JSON.stringify({ nftables: [{ set: { name: 'gone', elem: [elem] } }] })

t.test('terms are read as nft writes them in text', async t => {
  const concat = { concat: ['10.0.0.1', 'tcp', 80] }
  t.strictSame(readTable(listing(concat)).gone, ['10.0.0.1 . tcp . 80'])
  t.strictSame(readTable(listing({ elem: { val: concat, expires: 5 } })).gone, ['10.0.0.1 . tcp . 80'])
  t.strictSame(readTable(listing({ goto: { target: 'to-x' } })).gone, ['goto to-x'])
})

t.test('a term that is deeper than any of ours is nothing, however deep it is', async t => {
  const depth = 2000
  const text = `${`{"elem":{"val":`.repeat(depth)}"x"${'}}'.repeat(depth)}`
  t.strictSame(readTable(`{"nftables":[{"set":{"name":"gone","elem":[${text}]}}]}`).gone, [''])
})
