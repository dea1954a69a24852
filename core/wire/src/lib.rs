//! JSON-RPC, SSE and the two MCP eras as bytes: parse, splice, classify. No I/O.
