import type { ProblemKind } from './problem.ts'

/** Problems caused by the client or by unexpected state: 4xx, ordered by status. */
export const clientProblems = {
  'bad-url': {
    status: 400,
    title: 'The URL is malformed',
    retryable: false,
    remedy: 'Percent-encode the URL as UTF-8, once, and pass each query parameter once.',
  },
  'bad-id': {
    status: 400,
    title: 'The id is invalid',
    retryable: false,
    remedy:
      'Use the canonical form that the detail describes: lower-case hexadecimal digits, integers without leading zeros, or strings of 1 to 256 characters of A-Z a-z 0-9 _ ~ @ | : . - (not . or ..).',
  },
  'bad-query': {
    status: 400,
    title: 'The query is invalid',
    retryable: false,
    remedy: 'Use only the parameters that the detail names.',
  },
  'bad-header': {
    status: 400,
    title: 'A request header is invalid',
    retryable: false,
    remedy: 'The detail names the header and its expected format.',
  },
  'bad-position': {
    status: 400,
    title: 'The position is invalid or belongs to another source',
    retryable: false,
    remedy: 'Send a Freshet-Position of this installation unchanged, or "now". Discard older positions.',
  },
  'bad-request': {
    status: 400,
    title: 'The request is not valid HTTP',
    retryable: false,
    remedy: 'Check the client and any proxy in between: the bytes received are not HTTP/1.1.',
  },
  'malformed-body': {
    status: 400,
    title: 'The body is not the expected JSON',
    retryable: false,
    remedy: 'Send one JSON value in UTF-8, of the type that the detail names, nested at most 64 levels deep.',
  },
  'duplicate-key': {
    status: 400,
    title: 'An object in the body has a duplicate key',
    retryable: false,
    remedy: 'Use each key once: JSON does not define which value counts.',
  },
  unauthenticated: {
    status: 401,
    title: 'A valid token is required',
    retryable: false,
    remedy:
      'Send "Authorization: Bearer <token>" with a signed token for this audience that has not expired.',
  },
  forbidden: {
    status: 403,
    title: 'The token does not permit this',
    retryable: false,
    remedy: 'Use a token with the permission that the detail names.',
  },
  'not-a-member': {
    status: 403,
    title: 'Only members may send to this group',
    retryable: false,
    remedy: 'Ask the owner of the group to add the user.',
  },
  'not-found': {
    status: 404,
    title: 'The document does not exist',
    retryable: false,
    remedy: 'Check the id. After a write, read with Freshet-At-Least set to the position of the write.',
  },
  'unknown-collection': {
    status: 404,
    title: 'The collection does not exist',
    retryable: false,
    remedy: 'Add a collection file of this name and restart the service. Names are case-sensitive.',
  },
  'unknown-path': {
    status: 404,
    title: 'The path does not exist',
    retryable: false,
    remedy:
      'Paths are /v1/{collection}/{id} and /v1/{collection}, case-sensitive and without a trailing slash.',
  },
  'messages-off': {
    status: 404,
    title: 'This service has no messages',
    retryable: false,
    remedy:
      'Ask a service that was started with --messages. Not every database stores messages: see docs/other-databases.md.',
  },
  'unknown-message': {
    status: 404,
    title: 'The message does not exist',
    retryable: false,
    remedy: 'Use the id of a message, not that of an edit or deletion.',
  },
  'unknown-group': {
    status: 404,
    title: 'The group does not exist',
    retryable: false,
    remedy: 'Create it with PUT /v1/groups/{group}.',
  },
  'unknown-conversation': {
    status: 404,
    title: 'The conversation does not exist',
    retryable: false,
    remedy: 'Use the "conv" of a message that the user has received.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The path does not support this method',
    retryable: false,
    remedy: 'Use a method listed in the Allow header. Writers only write, readers only read.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request did not arrive in time',
    retryable: true,
    remedy: 'Send the headers and the body faster, or send a smaller body.',
  },
  'already-exists': {
    status: 409,
    title: 'A document with this id already exists',
    retryable: false,
    remedy: 'Use PUT to replace it, or use another id.',
  },
  busy: {
    status: 409,
    title: 'The document is being changed by other writes',
    retryable: true,
    remedy: 'Nothing was written. Retry after a moment.',
  },
  'in-progress': {
    status: 409,
    title: 'A request with this Idempotency-Key is still running',
    retryable: true,
    remedy:
      'Retry with the same key after a moment. If the writer was killed, the key may stay in use for up to a minute.',
  },
  'message-deleted': {
    status: 409,
    title: 'The message has been deleted',
    retryable: false,
    remedy: 'Send a new message.',
  },
  'membership-full': {
    status: 409,
    title: 'The user has left and joined this group too often',
    retryable: false,
    remedy: 'Use a new group: each time out of a group takes space in the membership.',
  },
  'not-plain-json': {
    status: 409,
    title: 'The stored document has a value that JSON cannot represent',
    retryable: false,
    remedy: 'Use a PATCH that does not touch this value, or send "Prefer: handling=lenient" to replace it.',
  },
  'precondition-failed': {
    status: 412,
    title: 'The stored version does not match the condition',
    retryable: false,
    remedy: 'Read the document again, and retry with its current ETag.',
  },
  'payload-too-large': {
    status: 413,
    title: 'The body is too large',
    retryable: false,
    remedy: 'Send no more bytes than the detail states, or raise the limit in the configuration.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The media type is not supported',
    retryable: false,
    remedy:
      'Send a Content-Type named in the detail, Accept-Patch or Accept-Post, without a content encoding.',
  },
  'expectation-failed': {
    status: 417,
    title: 'The expectation is not supported',
    retryable: false,
    remedy: 'Omit Expect, or send "Expect: 100-continue".',
  },
  'invalid-document': {
    status: 422,
    title: 'The document does not match the schema of its collection',
    retryable: false,
    remedy: 'Correct the fields listed in "errors". The schema is in the collection file.',
  },
  'id-mismatch': {
    status: 422,
    title: 'The id in the body differs from the id in the URL',
    retryable: false,
    remedy: 'Omit "id" from the body, or use the same id in both. Ids cannot be changed.',
  },
  'inexact-number': {
    status: 422,
    title: 'A number in the body cannot be stored exactly',
    retryable: false,
    remedy:
      'Send integers beyond 2^53, and numbers that are too large or too small for a double, as strings.',
  },
  'forbidden-name': {
    status: 422,
    title: 'A key in the body is not allowed',
    retryable: false,
    remedy: 'Keys must not start with "$", contain "." or NUL, or be __proto__, constructor or prototype.',
  },
  'bad-text': {
    status: 422,
    title: 'A string in the body is not valid Unicode',
    retryable: false,
    remedy: 'Send well-formed UTF-8 without lone surrogates.',
  },
  'bad-patch': {
    status: 422,
    title: 'The patch cannot be applied',
    retryable: false,
    remedy: 'Read the document again: a path in the patch does not exist, or one of its tests failed.',
  },
  'invalid-message': {
    status: 422,
    title: 'The request about messages is invalid',
    retryable: false,
    remedy: 'Correct the fields listed in "errors".',
  },
  'client-id-reused': {
    status: 422,
    title: 'The clientId was used for a different message',
    retryable: false,
    remedy: 'Use a new clientId for each message. To repeat one, send the same recipients and body.',
  },
  'idempotency-mismatch': {
    status: 422,
    title: 'The Idempotency-Key was used for a different request',
    retryable: false,
    remedy:
      'Use a new key for each new request. To repeat a request, send the same method, path, body and headers.',
  },
  'answer-too-large': {
    status: 422,
    title: 'The answer would be too large',
    retryable: false,
    remedy:
      'Request fewer documents at once. For a write with an Idempotency-Key, send "Prefer: return=minimal", because its answer is stored.',
  },
  'upgrade-required': {
    status: 426,
    title: 'The path speaks another protocol',
    retryable: false,
    remedy:
      'Open a web-socket of version 13. A proxy in between must pass on the headers Upgrade and Connection, with HTTP/1.1.',
  },
  'precondition-required': {
    status: 428,
    title: 'This collection requires a condition for each update',
    retryable: false,
    remedy: 'Send If-Match with the current ETag, or "If-None-Match: *" to create.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The request headers are too large',
    retryable: false,
    remedy:
      'Send less than 16 KiB of headers, including the URL. Look for large cookies or tokens, or long lists of ids.',
  },
} as const satisfies Record<string, ProblemKind>
