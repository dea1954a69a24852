//! The store, against a real DynamoDB (Amazon's DynamoDB Local, with a table of `template.yaml`'s shape).
//! `cargo xtask test lambda` starts one, makes the table and sets the variables.

#![allow(clippy::unwrap_used, reason = "in a test, also in its helpers")]

use std::{
    collections::BTreeSet,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::AttributeValue,
};
use futures_util::future::join_all;
use toolgate_lambda::store::{DynamoLedger, DynamoStore};
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{Commit, Consistency, RecordKey, RecordKind, Store, Write};
use toolgate_testkit::{ledger_contract, mailbox_contract, store_contract};

fn var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn store() -> DynamoStore {
    DynamoStore::from_vars(var).unwrap()
}

/// A name no other run has used.
fn fresh(what: &str) -> String {
    format!("{what}{:x}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos())
}

fn server(id: &str) -> RecordKey {
    RecordKey::new(RecordKind::Server, id)
}

fn put(key: RecordKey) -> Commit {
    Commit { expect: vec![], writes: vec![Write::Put(key, "{}".into())] }
}

#[tokio::test]
#[ignore = "needs a DynamoDB: TOOLGATE_DYNAMODB_ENDPOINT, TOOLGATE_TABLE and AWS_* name it"]
async fn it_keeps_the_stores_contract() {
    let checks = store_contract(&store(), &fresh("c")).await.unwrap();
    println!("{checks} checks");
}

#[tokio::test]
#[ignore = "needs a DynamoDB: TOOLGATE_DYNAMODB_ENDPOINT, TOOLGATE_TABLE and AWS_* name it"]
async fn it_keeps_the_mailboxes_contract() {
    mailbox_contract(&store(), &fresh("m")).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a DynamoDB: TOOLGATE_DYNAMODB_ENDPOINT, TOOLGATE_TABLE and AWS_* name it"]
async fn it_keeps_the_ledgers_contract() {
    let checks = ledger_contract(&DynamoLedger::new(store()), &fresh("l")).await.unwrap();
    println!("{checks} checks");
}

#[tokio::test]
#[ignore = "needs a DynamoDB: TOOLGATE_DYNAMODB_ENDPOINT, TOOLGATE_TABLE and AWS_* name it"]
async fn writers_that_meet_each_make_a_revision_of_their_own() {
    let (store, tenant) = (store(), TenantId::new(&fresh("w")).unwrap());
    let commits = (0..6).map(|n| store.commit(&tenant, put(server(&format!("s{n}")))));
    let made: BTreeSet<u64> = join_all(commits).await.into_iter().map(|made| made.unwrap().0).collect();
    assert_eq!(made, (1..=6).collect());
    let page = store.list(&tenant, RecordKind::Server, None, 10, Consistency::Strong).await.unwrap();
    assert_eq!(page.records.len(), 6);
}

#[tokio::test]
#[ignore = "needs a DynamoDB: TOOLGATE_DYNAMODB_ENDPOINT, TOOLGATE_TABLE and AWS_* name it"]
async fn a_deletion_that_broke_off_is_finished_before_the_tenant_is_made_again() {
    let (store, tenant) = (store(), TenantId::new(&fresh("d")).unwrap());
    store.commit(&tenant, put(server("old"))).await.unwrap();
    // As it is when the process ended after the tenant was declared deleted, at revision 2.
    mark_deleted(&tenant, 2).await;
    let made = store.commit(&tenant, put(RecordKey::tenant())).await.unwrap();
    assert_eq!(made, Revision(3));
    assert!(store.get(&tenant, &server("old"), Consistency::Strong).await.unwrap().is_none());
    let again = store.commit(&tenant, put(server("new"))).await.unwrap();
    assert_eq!(again, Revision(4));
    assert!(store.get(&tenant, &server("new"), Consistency::Strong).await.unwrap().is_some());
}

async fn mark_deleted(tenant: &TenantId, revision: u64) {
    let config = aws_sdk_dynamodb::config::Builder::new()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(var("AWS_REGION").unwrap()))
        .credentials_provider(Credentials::new("x", "x", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(var("TOOLGATE_DYNAMODB_ENDPOINT").unwrap());
    let number = AttributeValue::N(revision.to_string());
    Client::from_conf(config.build())
        .put_item()
        .table_name(var("TOOLGATE_TABLE").unwrap())
        .item("pk", AttributeValue::S(format!("T#{tenant}")))
        .item("sk", AttributeValue::S("M#".to_owned()))
        .item("rev", number.clone())
        .item("purging", number)
        .send()
        .await
        .unwrap();
}
