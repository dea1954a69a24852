//! The error codes of JSON-RPC and of the protocol. Must never hold a code that is not on the wire.

/// The body is not JSON.
pub const PARSE_ERROR: i64 = -32700;
/// The body is JSON but no message.
pub const INVALID_REQUEST: i64 = -32600;
/// There is no such method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters do not fit the method; also: no such tool, prompt, resource or task.
pub const INVALID_PARAMS: i64 = -32602;
/// Something failed on the answering side.
pub const INTERNAL_ERROR: i64 = -32603;
/// A header is missing, malformed or says something else than the body (2026-07-28).
pub const HEADER_MISMATCH: i64 = -32020;
/// The request needs a capability its client did not declare (2026-07-28).
pub const MISSING_CLIENT_CAPABILITY: i64 = -32021;
/// The revision asked for is not spoken here (2026-07-28).
pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;
/// Resource not found, as revisions before 2026-07-28 said it: accepted from a server, never sent.
pub const LEGACY_RESOURCE_NOT_FOUND: i64 = -32002;
/// An elicitation at a URL is needed, as 2025-11-25 said it: accepted from a server, never sent to a modern client.
pub const LEGACY_URL_ELICITATION_REQUIRED: i64 = -32042;
