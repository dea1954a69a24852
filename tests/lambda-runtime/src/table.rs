//! Makes the table of `template.yaml` in a DynamoDB on this machine.

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The table where TOOLGATE_TABLE names none.
pub(crate) const DEFAULT_NAME: &str = "toolgate";

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    #[error("TOOLGATE_DYNAMODB_ENDPOINT is not set to a URL like http://127.0.0.1:8000")]
    Endpoint,
    #[error("no connection to DynamoDB: {0}")]
    Connect(#[from] std::io::Error),
    #[error("DynamoDB could not be asked: {0}")]
    Http(#[from] hyper::Error),
    #[error("DynamoDB refused to make the table: {0}")]
    Refused(String),
}

/// Makes it, if it is not there.
pub(crate) async fn create() -> Result<(), TableError> {
    let endpoint: Uri = std::env::var("TOOLGATE_DYNAMODB_ENDPOINT")
        .ok()
        .and_then(|endpoint| endpoint.parse().ok())
        .ok_or(TableError::Endpoint)?;
    let authority = endpoint.authority().ok_or(TableError::Endpoint)?;
    let name = std::env::var("TOOLGATE_TABLE").unwrap_or_else(|_| DEFAULT_NAME.to_owned());
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(connection);
    let request = Request::post("/")
        .header("host", authority.as_str())
        .header("x-amz-target", "DynamoDB_20120810.CreateTable")
        .header("content-type", "application/x-amz-json-1.0")
        .header("authorization", authorization())
        .body(Full::new(Bytes::from(definition(&name).to_string())))
        .map_err(|_| TableError::Endpoint)?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let said = answer.into_body().collect().await?.to_bytes();
    let said: Value = serde_json::from_slice(&said).unwrap_or_default();
    let is_there = said["__type"].as_str().is_some_and(|kind| kind.ends_with("ResourceInUseException"));
    if status == StatusCode::OK || is_there { Ok(()) } else { Err(TableError::Refused(said.to_string())) }
}

fn definition(name: &str) -> Value {
    json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    })
}

/// DynamoDB Local wants a signature and takes any. Without -sharedDb it keeps a database for each region and key, so these
/// are the function's.
fn authorization() -> String {
    let var = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let (key, region) = (var("AWS_ACCESS_KEY_ID", "toolgate"), var("AWS_REGION", "us-east-1"));
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/dynamodb/aws4_request, SignedHeaders=host, Signature=x"
    )
}
