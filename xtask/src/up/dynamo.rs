//! Amazon's DynamoDB Local, for the Lambda target. It listens on all interfaces: it has no option to do otherwise.

use std::{
    net::TcpListener,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    command::command,
    install,
    live::Group,
    needs, places,
    problem::{Problem, Result},
};

const TABLE: &str = "toolgate";

/// A DynamoDB that keeps its tables as long as it runs.
pub(crate) struct Dynamo {
    group: Group,
    port: u16,
}

impl Dynamo {
    pub(crate) fn start() -> Result<Self> {
        needs::check(&[needs::JAVA, needs::NODE])?;
        install::npm()?;
        let dir = places::dynamodb_dir()?;
        let port = free_port()?;
        let group = Group::spawn(
            command("java")
                .current_dir(&dir)
                .args(["-Xmx256m", "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"])
                .args(["-inMemory", "-sharedDb", "-disableTelemetry", "-port", &port.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let mut dynamo = Self { group, port };
        dynamo.await_answer()?;
        dynamo.make_table()?;
        Ok(dynamo)
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a function needs in its environment to use it. The credentials are made up: it takes any.
    pub(crate) fn vars(&self) -> [(&'static str, String); 5] {
        [
            ("TOOLGATE_DYNAMODB_ENDPOINT", self.endpoint()),
            ("TOOLGATE_TABLE", TABLE.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "toolgate".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "toolgate".to_owned()),
        ]
    }

    /// The table as `template.yaml` describes it.
    fn make_table(&self) -> Result<()> {
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let text = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
        let table = json!({
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
            "AttributeDefinitions": [text("pk"), text("sk")],
        });
        let made = minreq::post(self.endpoint())
            .with_header("x-amz-target", "DynamoDB_20120810.CreateTable")
            .with_header("content-type", "application/x-amz-json-1.0")
            .with_header("authorization", "AWS4-HMAC-SHA256 Credential=toolgate/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x")
            .with_body(table.to_string())
            .send()?;
        if made.status_code == 200 {
            return Ok(());
        }
        Err(Problem::new(format!("DynamoDB Local made no table: {}", made.as_str().unwrap_or_default())))
    }

    /// The jar says nothing when it is ready, so it is asked until it answers.
    fn await_answer(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if minreq::get(self.endpoint()).with_timeout(5).send().is_ok() {
                return Ok(());
            }
            if let Some(status) = self.group.ended()? {
                return Err(Problem::new(format!("DynamoDB Local ended by itself: {status}")));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(Problem::new("DynamoDB Local did not answer within a minute"))
    }
}

/// A port that nothing listens on now.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("0.0.0.0", 0))?.local_addr()?.port())
}
