//! The MCP client: Streamable HTTP towards upstream servers, in both eras.
