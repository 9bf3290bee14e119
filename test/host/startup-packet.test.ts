import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cleanText, parseFirstAnswer, sslRequest, startupPacket } from '../../src/host/startup-packet.ts'

function message(type: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
function request(code: number, rest = ''): Buffer {
  const body = Buffer.alloc(4)
  body.writeInt32BE(code)
  return message('R', Buffer.concat([body, Buffer.from(rest, 'latin1')]))
}
const error = message('E', Buffer.from('SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry \u001b[31mfor host\0Fauth.c\0\0', 'utf8'))

test('what is sent', () => {
  expect(Buffer.from(sslRequest()).toString('hex')).toBe('0000000804d2162f')
  const packet = Buffer.from(startupPacket({ user: 'ü', replication: 'true' }))
  expect(packet.readInt32BE(0)).toBe(packet.length)
  expect(packet.readInt32BE(4)).toBe(0x30000)
  expect(packet.subarray(8).toString('utf8')).toBe('user\0ü\0replication\0true\0\0')
})

describe('what is answered', () => {
  test.each([
    [0, '', 'trust'], [3, '', 'password'], [5, 'salt', 'md5'], [7, '', 'gss'], [9, '', 'sspi'], [2, '', 'other'], [99, '', 'other'],
    [10, 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0', 'scram-sha-256'], [10, 'OAUTHBEARER\0\0', 'oauth'], [10, 'X\0\0', 'other'],
  ])('request %i', (code, rest, method) => {
    expect(parseFirstAnswer(request(code, rest))).toEqual({ kind: 'request', method })
  })

  test('a refusal, without its control characters', () => {
    expect(parseFirstAnswer(error)).toEqual({ kind: 'refused', sqlstate: '28000', message: 'no pg_hba.conf entry  [31mfor host' })
  })

  test('after a protocol negotiation, and in pieces', () => {
    const whole = Buffer.concat([message('v', Buffer.alloc(8)), request(5, 'salt')])
    for (let length = 0; length < whole.length; length++) expect(parseFirstAnswer(whole.subarray(0, length))).toBeUndefined()
    expect(parseFirstAnswer(whole)).toEqual({ kind: 'request', method: 'md5' })
  })

  test('what is no PostgreSQL', () => {
    for (const other of ['HTTP/1.1 400 Bad Request\r\n', 'SSH-2.0-OpenSSH_9.2\r\n', 'R\x7f\xff\xff\xff', 'E\0\0\0\x01', 'R\0\0\0\x04']) {
      expect(parseFirstAnswer(Buffer.from(other, 'latin1'))).toBe('not-postgresql')
    }
  })

  test('any bytes give an answer or none, never a crash', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      parseFirstAnswer(noise)
      for (const type of ['R', 'E', 'N', 'v']) expect(parseFirstAnswer(message(type, noise))).not.toBeNull()
    }))
  })
})

test('a server\'s text is fit for a terminal', () => {
  expect(cleanText('a\u001b]0;x\u0007b\nc\u202ed\u009b1m')).toBe('a ]0;x b c d 1m')
  expect(cleanText('x'.repeat(5000)).length).toBe(1000)
})
