import type { ProblemKind } from './problem-kind.ts'

/** Problems caused by the client or by unexpected state: 4xx, ordered by status. */
export const clientProblems = {
  'bad-url': {
    status: 400,
    title: 'The URL is malformed',
    retryable: false,
    remedy: 'Percent-encode the URL as UTF-8, once, and give each query parameter once.',
  },
  'bad-id': {
    status: 400,
    title: 'The text is not an id',
    retryable: false,
    remedy:
      'Write the id in the one form of its type, as the detail says it: hexadecimal digits in lower case, integers without leading zeros, texts of 1 to 256 characters of A-Z a-z 0-9 _ ~ @ | : . - (not . or ..).',
  },
  'bad-query': {
    status: 400,
    title: 'The query is not one that this collection answers',
    retryable: false,
    remedy: 'Use only the parameters that the detail names.',
  },
  'bad-header': {
    status: 400,
    title: 'A request header is malformed',
    retryable: false,
    remedy: 'The detail names the header and the form that it wants.',
  },
  'bad-position': {
    status: 400,
    title: 'The position is malformed or belongs to another source',
    retryable: false,
    remedy:
      'Send the Freshet-Position of an answer of this installation unchanged, or "now". Forget older ones.',
  },
  'bad-request': {
    status: 400,
    title: 'The request is not well-formed HTTP',
    retryable: false,
    remedy: 'Look at the client or at a proxy on the way: the bytes that arrived are no HTTP/1.1 request.',
  },
  'malformed-body': {
    status: 400,
    title: 'The body is not the JSON that is wanted',
    retryable: false,
    remedy: 'Send one JSON value in UTF-8 of the type that the detail names; objects at most 64 levels deep.',
  },
  'duplicate-key': {
    status: 400,
    title: 'An object in the body has the same key twice',
    retryable: false,
    remedy: 'Give each key once: which of two values counts is not defined in JSON.',
  },
  unauthenticated: {
    status: 401,
    title: 'A valid token is needed',
    retryable: false,
    remedy:
      'Send "Authorization: Bearer <token>" with a token that is signed, not expired and for this audience.',
  },
  forbidden: {
    status: 403,
    title: 'The token does not allow this',
    retryable: false,
    remedy: 'Use a token that may do what the detail names.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such document',
    retryable: false,
    remedy: 'Check the id. After a write, read with Freshet-At-Least set to the position of the write.',
  },
  'unknown-collection': {
    status: 404,
    title: 'There is no such collection',
    retryable: false,
    remedy:
      'A collection exists when the service was started with a collection file of that name; case counts.',
  },
  'unknown-path': {
    status: 404,
    title: 'There is no such path',
    retryable: false,
    remedy: 'Paths are /v1/{collection}/{id} and /v1/{collection}; case and a final slash count.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The path does not answer this method',
    retryable: false,
    remedy: 'Use a method that the Allow header names. Writers only write, readers only read.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request did not arrive in time',
    retryable: true,
    remedy: 'Send the headers and the body faster, or a smaller body.',
  },
  'already-exists': {
    status: 409,
    title: 'A document with this id exists',
    retryable: false,
    remedy: 'Use PUT to replace it, or another id.',
  },
  busy: {
    status: 409,
    title: 'Other writes to the same document were faster',
    retryable: true,
    remedy: 'Nothing was written. Send the request again after a moment.',
  },
  'in-progress': {
    status: 409,
    title: 'A request with this Idempotency-Key is still running',
    retryable: true,
    remedy:
      'Send the same request with the same key again after a moment. A writer that was killed may leave a key so for a minute.',
  },
  'not-plain-json': {
    status: 409,
    title: 'The stored document holds a value that JSON cannot carry',
    retryable: false,
    remedy:
      'Change it with a PATCH that does not touch the value, or send "Prefer: handling=lenient" to replace it.',
  },
  'precondition-failed': {
    status: 412,
    title: 'The stored version is not the one that the condition names',
    retryable: false,
    remedy: 'Read the document again, decide again, and send the new ETag.',
  },
  'payload-too-large': {
    status: 413,
    title: 'The body is too large',
    retryable: false,
    remedy: 'Send at most the bytes that the detail names, or raise the limit in the configuration.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The body has a type that this path does not read',
    retryable: false,
    remedy:
      'Send a Content-Type that the detail, Accept-Patch or Accept-Post names, without a content encoding.',
  },
  'expectation-failed': {
    status: 417,
    title: 'The expectation is not one that is met here',
    retryable: false,
    remedy: 'Send no Expect, or "100-continue".',
  },
  'invalid-document': {
    status: 422,
    title: 'The document does not fit its collection',
    retryable: false,
    remedy: 'Correct the places that "errors" names; the collection file holds the rules.',
  },
  'id-mismatch': {
    status: 422,
    title: 'The id in the body is not the id in the URL',
    retryable: false,
    remedy: 'Leave "id" out of the body, or make both the same. Ids cannot be changed.',
  },
  'inexact-number': {
    status: 422,
    title: 'A number in the body cannot be kept exactly',
    retryable: false,
    remedy:
      'Send integers beyond 2^53, and numbers that are too large or too small for a double, as strings.',
  },
  'forbidden-name': {
    status: 422,
    title: 'A key in the body has a name that is not allowed',
    retryable: false,
    remedy:
      'Names do not begin with "$", hold no "." or NUL, and are not __proto__, constructor or prototype.',
  },
  'bad-text': {
    status: 422,
    title: 'A text in the body is not Unicode',
    retryable: false,
    remedy: 'Send well-formed UTF-8 without lone surrogates.',
  },
  'bad-patch': {
    status: 422,
    title: 'The patch cannot be applied',
    retryable: false,
    remedy: 'Read the document again: a path of the patch does not exist, or one of its tests fails.',
  },
  'idempotency-mismatch': {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    retryable: false,
    remedy:
      'Use a new key for each new request, and the old one only to repeat: the same method, path, body and headers.',
  },
  'answer-too-large': {
    status: 422,
    title: 'The answer would be too large',
    retryable: false,
    remedy:
      'Ask for fewer documents at once. For a write with an Idempotency-Key send "Prefer: return=minimal": its answer is kept.',
  },
  'precondition-required': {
    status: 428,
    title: 'This collection wants a condition on each change',
    retryable: false,
    remedy: 'Send If-Match with the ETag that you read, or "If-None-Match: *" to create.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The request headers are too large',
    retryable: false,
    remedy:
      'Send less than 16 KiB of headers, the URL included: look for large cookies, tokens, or lists of ids.',
  },
} as const satisfies Record<string, ProblemKind>
