//! The demo: a built-in server, a tenant, a key, and on the screen what to do with them.
//!
//! It is set up through the admin API, as an operator would do it; nothing in the gateway knows of it.

mod seed;
mod upstream;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
};

use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use self::{seed::Seed, upstream::DemoServer};
use crate::{
    cli::{Announce, say},
    data_dir::{DataDir, DataError},
    server::{Shared, Stop, serve},
};

/// Holds the client's configuration, with the key.
const CLIENT: &str = "demo-client.json";

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    #[error("its server could not be started: {0}")]
    Server(#[from] io::Error),
    #[error("{0}")]
    Data(#[from] DataError),
    #[error("the admin API refused {what}: {answer}")]
    Refused { what: String, answer: String },
}

/// What the demo is set up with.
pub(crate) struct Demo {
    pub(crate) data: DataDir,
    pub(crate) operator_token: String,
}

impl Demo {
    /// Sets the demo up and shows it. A demo that fails keeps nothing else from working.
    pub(crate) async fn start(self, shared: &Shared, gateway: SocketAddr, announce: Announce) {
        match self.set_up(shared, gateway).await {
            Ok(client) if announce == Announce::Text => show(&client),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "there is no demo (--no-demo leaves it away)"),
        }
    }

    async fn set_up(self, shared: &Shared, gateway: SocketAddr) -> Result<Client, DemoError> {
        let upstream = start_server().await?;
        let kept = self.data.read(CLIENT)?.and_then(|text| Client::read(&text));
        let seed = Seed::new(shared, self.operator_token);
        seed.tenant().await?;
        seed.server(upstream).await?;
        let key = seed.key(kept.as_ref().map(|client| client.key.as_str())).await?;
        let client = Client { url: format!("http://{}/t/{}/mcp", gateway, seed::TENANT), key };
        if kept.as_ref() != Some(&client) {
            self.data.write(CLIENT, &format!("{:#}\n", client.json()))?;
        }
        Ok(client)
    }
}

/// What a client is told.
#[derive(Debug, PartialEq, Eq)]
struct Client {
    url: String,
    key: String,
}

impl Client {
    fn json(&self) -> Value {
        let headers = json!({"Authorization": format!("Bearer {}", self.key)});
        json!({"mcpServers": {"toolgate": {"type": "http", "url": self.url, "headers": headers}}})
    }

    fn read(text: &str) -> Option<Self> {
        let json: Value = serde_json::from_str(text).ok()?;
        let server = &json["mcpServers"]["toolgate"];
        let key = server["headers"]["Authorization"].as_str()?.strip_prefix("Bearer ")?;
        Some(Self { url: server["url"].as_str()?.to_owned(), key: key.to_owned() })
    }
}

async fn start_server() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::task::spawn_local(async move {
        let handler = Rc::new(DemoServer);
        // It goes on while the gateway drains, and ends with the process.
        let (_never, stopped) = watch::channel(Stop::NotYet);
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = stream.into_std() else { continue };
            tokio::task::spawn_local(serve(stream, Rc::clone(&handler), stopped.clone()));
        }
    });
    Ok(address)
}

fn show(client: &Client) {
    let Client { url, key } = client;
    let curl = |body: &str| {
        format!(
            "curl -s {url} \\\n  -H 'Authorization: Bearer {key}' \\\n  -H 'Content-Type: application/json' \\\n  \
             -H 'Accept: application/json, text/event-stream' \\\n  -d '{body}'"
        )
    };
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let params = format!(r#"{{"name":"{}__add","arguments":{{"a":2,"b":40}}}}"#, seed::SERVER);
    let call = format!(r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{params}}}"#);
    say(&format!("\nConnect an MCP client with this configuration:\n\n{:#}\n", client.json()));
    say(&format!("Or try it here. List the tools:\n\n{}\n", curl(list)));
    say(&format!("Call one:\n\n{}\n", curl(&call)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_configuration_reads_back() {
        let client = Client { url: "http://127.0.0.1:8080/t/demo/mcp".into(), key: "tgk_x".into() };
        assert_eq!(Client::read(&format!("{:#}", client.json())), Some(client));
        assert_eq!(Client::read("{}"), None);
    }
}
