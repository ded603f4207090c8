import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCommand } from '../src/query/command.ts'
import { add, only, toggle, type Filter } from '../src/query/filter.ts'
import { lastWord, plan, withValues } from '../src/query/suggest.ts'

const filter = (key: string, value: string, not = false): Filter => ({ key, value, not })

test('the beginning of a key offers the key first, and Enter takes it', () => {
  const found = plan('to-fq')
  assert.equal(found.options[0]?.take, 'to-fqdn:')
  assert.ok(found.marksFirst)
  assert.deepEqual(found.options.at(-1)?.take, filter('pod', '/to-fq'))
})

test('a negated key stays negated', () => {
  assert.equal(plan('!to-fq').options[0]?.take, '!to-fqdn:')
  assert.equal(plan('-to-fq').options[0]?.take, '!to-fqdn:')
})

test('what begins no key is offered by its shape first', () => {
  assert.deepEqual(plan('192.0.2.30').options[0]?.take, filter('ip', '192.0.2.30'))
  assert.deepEqual(plan('!53').options[0]?.take, filter('port', '53', true))
  assert.deepEqual(plan('dropped').options[0]?.take, filter('verdict', 'DROPPED'))
  assert.deepEqual(plan('fd00::1').options[0]?.take, filter('ip', 'fd00::1'))
})

test('at most ten lines are offered', () => {
  assert.equal(plan('').options.length, 10)
  assert.equal(plan('o').options.length, 10)
})

test('after a colon values are asked for, and the part of a pattern is taken as typed', () => {
  const found = plan('to-fqdn:par')
  assert.deepEqual([found.ask?.key.name, found.ask?.prefix], ['to-fqdn', 'par'])
  assert.equal(found.marksFirst, false)
  assert.ok(plan('from-namespace:pay').marksFirst)
})

test('values of the server come with their counts, an exact one first, then those that it did not name', () => {
  const options = withValues(plan('verdict:'), [{ value: 'DROPPED', count: 584 }, { value: 'FORWARDED', count: null }])
  assert.deepEqual(options.slice(0, 3).map((option) => [option.text, option.count]), [['DROPPED', 584], ['FORWARDED', null], ['ERROR', null]])
  const exact = withValues(plan('to-port:80'), [{ value: '8080', count: 9 }, { value: '80', count: 1 }])
  assert.deepEqual(exact.map((option) => option.text), ['80', '8080'])
})

test('an unknown key offers the nearest, with what was typed after it', () => {
  const found = plan('!to-fqnd:x')
  assert.deepEqual(found.options.map((option) => option.take), ['!to-fqdn:x'])
})

test('suggestions are for the last word, which may hold spaces in quotes', () => {
  assert.deepEqual(lastWord('verdict:DROPPED to-po'), ['verdict:DROPPED ', 'to-po'])
  assert.deepEqual(lastWord('label:"app in (a, b'), ['', 'label:"app in (a, b'])
  assert.deepEqual(lastWord('x '), ['x ', ''])
})

test('a command line is told from filters', () => {
  for (const line of ['hubble observe', '$ sudo /usr/bin/tidegate observe -f', '  --to-port 53']) assert.ok(isCommand(line), line)
  for (const line of ['to-fqdn:hubble', '-to-port:53', 'observe', '']) assert.ok(!isCommand(line), line)
})

test('a filter that is added takes the place of its opposite and of what it excludes', () => {
  const filters = [filter('from-namespace', 'shop'), filter('to-port', '53', true)]
  assert.deepEqual(add(filters, filter('to-port', '53')), [filter('from-namespace', 'shop'), filter('to-port', '53')])
  assert.deepEqual(add(filters, filter('from-ip', '10.0.0.1')), [filter('to-port', '53', true), filter('from-ip', '10.0.0.1')])
  assert.deepEqual(add(filters, filter('from-ip', '10.0.0.1', true)), [...filters, filter('from-ip', '10.0.0.1', true)])
  const leftOut = [filter('from-namespace', 'shop', true)]
  assert.deepEqual(add(leftOut, filter('from-ip', '10.0.0.1', true)), [...leftOut, filter('from-ip', '10.0.0.1', true)])
})

test('only this replaces its key, and toggling twice changes nothing', () => {
  const filters = [filter('to-port', '80'), filter('to-port', '443'), filter('outcome', 'dropped')]
  assert.deepEqual(only(filters, filter('to-port', '53')), [filter('outcome', 'dropped'), filter('to-port', '53')])
  const one = filter('node-name', 'worker-01')
  assert.deepEqual(toggle(toggle(filters, one), one), filters)
})
