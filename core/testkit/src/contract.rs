//! What every store must do. Run against a real one, of any kind, with `run` making its tenants' names fresh.

use bytes::Bytes;
use toolgate_model::{Revision, TenantId};
use toolgate_ports::{Changed, Commit, Consistency, Expect, RecordKey, RecordKind, Store, StoreError, Write};

/// Counts what held; the first thing that doesn't ends the run with its description.
struct Checks(usize);

impl Checks {
    fn that(&mut self, holds: bool, what: &str) -> Result<(), String> {
        if !holds {
            return Err(format!("does not hold: {what}"));
        }
        self.0 += 1;
        Ok(())
    }
}

/// Checks the whole contract on tenants whose names begin with `run` (lower-case letters and digits; choose another for each run on
/// a store that remembers). Gives the number of checks made.
///
/// # Errors
/// What did not hold, in words.
pub async fn store_contract<S: Store>(store: &S, run: &str) -> Result<usize, String> {
    let mut checks = Checks(0);
    commits(store, &tenant(run, "commits")?, &mut checks).await?;
    expectations(store, &tenant(run, "expect")?, &mut checks).await?;
    syncs(store, &tenant(run, "sync")?, &mut checks).await?;
    lists(store, &tenant(run, "lists")?, &mut checks).await?;
    blobs(store, &tenant(run, "blobs")?, &mut checks).await?;
    deletion(store, &tenant(run, "deletion")?, &mut checks).await?;
    directory(store, run, &mut checks).await?;
    Ok(checks.0)
}

fn tenant(run: &str, what: &str) -> Result<TenantId, String> {
    TenantId::new(&format!("{run}-{what}")).map_err(|e| e.to_string())
}

fn server(id: &str) -> RecordKey {
    RecordKey::new(RecordKind::Server, id)
}

fn put(key: &RecordKey, value: &str) -> Write {
    Write::Put(key.clone(), Bytes::copy_from_slice(value.as_bytes()))
}

fn commit(expect: Vec<Expect>, writes: Vec<Write>) -> Commit {
    Commit { expect, writes }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn say(error: StoreError) -> String {
    error.to_string()
}

async fn read<S: Store>(store: &S, tenant: &TenantId, key: &RecordKey) -> Result<Option<(u64, Bytes)>, String> {
    let strong = store.get(tenant, key, Consistency::Strong).await.map_err(say)?;
    // A reader syncs first; then what it reads may be no older than the truth it was told of.
    store.sync(tenant, None).await.map_err(say)?;
    let synced = store.get(tenant, key, Consistency::AsOfSync).await.map_err(say)?;
    if strong != synced {
        return Err(format!("does not hold: after a sync, {key} reads as the truth says ({strong:?}, {synced:?})"));
    }
    Ok(strong.map(|record| (record.revision.0, record.value)))
}

async fn commits<S: Store>(store: &S, tenant: &TenantId, checks: &mut Checks) -> Result<(), String> {
    let (a, b) = (server("a"), server("b"));
    checks.that(read(store, tenant, &a).await?.is_none(), "a record that was never written is absent")?;
    let first =
        store.commit(tenant, commit(vec![], vec![put(&a, "1"), put(&b, "{\"x\":\"é\"}")])).await.map_err(say)?;
    checks.that(first == Revision(1), "the first commit makes revision 1")?;
    checks.that(read(store, tenant, &a).await? == Some((1, "1".into())), "a record reads back with its revision")?;
    checks.that(read(store, tenant, &b).await? == Some((1, "{\"x\":\"é\"}".into())), "bytes read back unchanged")?;
    let second =
        store.commit(tenant, commit(vec![], vec![put(&a, "2"), Write::Delete(b.clone())])).await.map_err(say)?;
    checks.that(second == Revision(2), "the next commit makes revision 2")?;
    checks.that(read(store, tenant, &a).await? == Some((2, "2".into())), "a record is replaced")?;
    checks.that(read(store, tenant, &b).await?.is_none(), "a deleted record is absent")?;
    store.commit(tenant, commit(vec![], vec![Write::Delete(b.clone())])).await.map_err(say)?;
    checks.that(read(store, tenant, &b).await?.is_none(), "deleting what is not there is no error")?;
    let big = "x".repeat(200_000);
    store.commit(tenant, commit(vec![], vec![put(&a, &big)])).await.map_err(say)?;
    checks.that(read(store, tenant, &a).await? == Some((4, big.into())), "a record of 200 KB reads back")
}

async fn expectations<S: Store>(store: &S, tenant: &TenantId, checks: &mut Checks) -> Result<(), String> {
    let (a, b) = (server("a"), server("b"));
    let refused = store.commit(tenant, commit(vec![Expect::Present(a.clone())], vec![put(&b, "1")])).await;
    checks.that(refused == Err(StoreError::Conflict(a.clone())), "Present refuses where there is none")?;
    checks.that(read(store, tenant, &b).await?.is_none(), "a refused commit changes nothing")?;
    let made = store.commit(tenant, commit(vec![Expect::Absent(a.clone())], vec![put(&a, "1")])).await;
    checks.that(made == Ok(Revision(1)), "Absent lets a first write through, and a refused commit made no revision")?;
    let refused = store.commit(tenant, commit(vec![Expect::Absent(a.clone())], vec![put(&a, "2")])).await;
    checks.that(refused == Err(StoreError::Conflict(a.clone())), "Absent refuses where there is one")?;
    let made = store.commit(tenant, commit(vec![Expect::At(a.clone(), Revision(1))], vec![put(&a, "2")])).await;
    checks.that(made == Ok(Revision(2)), "At lets the right revision through")?;
    let refused = store.commit(tenant, commit(vec![Expect::At(a.clone(), Revision(1))], vec![put(&a, "3")])).await;
    checks.that(refused == Err(StoreError::Conflict(a.clone())), "At refuses an old revision")?;
    let both = vec![Expect::Present(a.clone()), Expect::Present(b.clone())];
    let refused = store.commit(tenant, commit(both, vec![Write::Delete(a.clone()), put(&b, "1")])).await;
    checks.that(refused == Err(StoreError::Conflict(b.clone())), "one expectation that fails refuses the whole")?;
    checks.that(read(store, tenant, &a).await? == Some((2, "2".into())), "and nothing of it is done")?;
    let made = store.commit(tenant, commit(vec![Expect::Present(a.clone())], vec![put(&b, "1")])).await;
    checks.that(made == Ok(Revision(3)), "an expectation may speak of a record that is not written")
}

async fn syncs<S: Store>(store: &S, tenant: &TenantId, checks: &mut Checks) -> Result<(), String> {
    let never = store.sync(tenant, Some(Revision(0))).await.map_err(say)?;
    checks.that(never.revision == Revision(0), "a tenant that never was is at revision 0")?;
    store.commit(tenant, commit(vec![], vec![put(&server("a"), "1")])).await.map_err(say)?;
    store
        .commit(tenant, commit(vec![], vec![put(&server("b"), "1"), put(&RecordKey::tenant(), "1")]))
        .await
        .map_err(say)?;
    store.commit(tenant, commit(vec![], vec![put(&server("b"), "2")])).await.map_err(say)?;
    let all = store.sync(tenant, None).await.map_err(say)?;
    checks.that(all.revision == Revision(3) && all.changed == Changed::Everything, "a first sync says everything")?;
    let none = store.sync(tenant, Some(Revision(3))).await.map_err(say)?;
    checks.that(none.changed == Changed::Records(vec![]), "nothing changed since now")?;
    let some = store.sync(tenant, Some(Revision(1))).await.map_err(say)?;
    let Changed::Records(mut keys) = some.changed else { return Err("does not hold: recent changes are known".into()) };
    keys.sort();
    checks.that(keys == [RecordKey::tenant(), server("b")], "each changed record once")?;
    let ahead = store.sync(tenant, Some(Revision(9))).await.map_err(say)?;
    checks.that(ahead.changed == Changed::Everything, "a revision that never was means: forget everything")
}

async fn lists<S: Store>(store: &S, tenant: &TenantId, checks: &mut Checks) -> Result<(), String> {
    let ids: Vec<String> = (0..45).map(|n| format!("s{n:02}")).collect();
    for chunk in ids.chunks(15) {
        let writes = chunk.iter().map(|id| put(&server(id), id)).collect();
        store.commit(tenant, commit(vec![], writes)).await.map_err(say)?;
    }
    let key = RecordKey::new(RecordKind::Key, "0123456789abcdef");
    store.commit(tenant, commit(vec![], vec![put(&key, "k"), put(&RecordKey::tenant(), "t")])).await.map_err(say)?;
    for consistency in [Consistency::Strong, Consistency::AsOfSync] {
        store.sync(tenant, None).await.map_err(say)?;
        let mut seen: Vec<String> = Vec::new();
        loop {
            let after = seen.last().cloned();
            let page = store.list(tenant, RecordKind::Server, after.as_deref(), 20, consistency).await.map_err(say)?;
            checks.that(page.records.len() <= 20, "a page is no longer than asked")?;
            checks.that(page.more == (seen.len() + page.records.len() < ids.len()), "`more` is true until the last")?;
            seen.extend(page.records.into_iter().map(|record| record.key.id));
            if !page.more {
                break;
            }
        }
        checks.that(seen == ids, "pages together are all records of the kind, in order, each once")?;
    }
    let others = vec![put(&RecordKey::policy(), "p"), put(&RecordKey::policy_history(), "h")];
    store.commit(tenant, commit(vec![], others)).await.map_err(say)?;
    let set_up = ids.iter().map(|id| server(id).to_string());
    let set_up: Vec<String> =
        ["policy/current".to_owned()].into_iter().chain(set_up).chain(["tenant/".to_owned()]).collect();
    for consistency in [Consistency::Strong, Consistency::AsOfSync] {
        store.sync(tenant, None).await.map_err(say)?;
        let records = store.setup(tenant, consistency).await.map_err(say)?;
        let keys: Vec<String> = records.iter().map(|record| record.key.to_string()).collect();
        checks.that(keys == set_up, "a setup is all records of its kinds, in order, and no other")?;
    }
    let keys = store.list(tenant, RecordKind::Key, None, 20, Consistency::Strong).await.map_err(say)?;
    checks.that(keys.records.len() == 1 && !keys.more && keys.records[0].key == key, "a list is of one kind only")?;
    let past = store.list(tenant, RecordKind::Server, Some("s44"), 20, Consistency::Strong).await.map_err(say)?;
    checks.that(past.records.is_empty() && !past.more, "after the last there is nothing")
}

async fn blobs<S: Store>(store: &S, tenant: &TenantId, checks: &mut Checks) -> Result<(), String> {
    let name = "catalogue/a";
    checks.that(store.get_blob(tenant, name).await.map_err(say)?.is_none(), "a blob that was never put is absent")?;
    let big: Bytes = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect::<Vec<u8>>().into();
    store.put_blob(tenant, name, big.clone()).await.map_err(say)?;
    checks.that(store.get_blob(tenant, name).await.map_err(say)? == Some(big), "a blob of 3 MB reads back")?;
    store.put_blob(tenant, name, "small".into()).await.map_err(say)?;
    checks
        .that(store.get_blob(tenant, name).await.map_err(say)? == Some("small".into()), "a blob is replaced whole")?;
    let other = store.get_blob(tenant, "catalogue/aa").await.map_err(say)?;
    checks.that(other.is_none(), "a name that only begins alike is another blob")
}

async fn deletion<S: Store>(store: &S, tenant: &TenantId, checks: &mut Checks) -> Result<(), String> {
    store
        .commit(tenant, commit(vec![], vec![put(&RecordKey::tenant(), "t"), put(&server("a"), "1")]))
        .await
        .map_err(say)?;
    store.put_blob(tenant, "catalogue/a", "blob".into()).await.map_err(say)?;
    let gone = store.delete_tenant(tenant).await.map_err(say)?;
    checks.that(gone == Revision(2), "deleting a tenant makes a revision")?;
    checks.that(read(store, tenant, &RecordKey::tenant()).await?.is_none(), "its record is gone")?;
    checks.that(read(store, tenant, &server("a")).await?.is_none(), "its servers are gone")?;
    let left = store.list(tenant, RecordKind::Server, None, 10, Consistency::Strong).await.map_err(say)?;
    checks.that(left.records.is_empty(), "and no longer listed")?;
    checks.that(store.get_blob(tenant, "catalogue/a").await.map_err(say)?.is_none(), "its blobs are gone")?;
    let again = store.commit(tenant, commit(vec![], vec![put(&RecordKey::tenant(), "new")])).await.map_err(say)?;
    checks.that(again == Revision(3), "a new tenant of the same name goes on counting")?;
    let sync = store.sync(tenant, Some(Revision(1))).await.map_err(say)?;
    let knows = match sync.changed {
        Changed::Everything => true,
        Changed::Records(keys) => keys.contains(&server("a")) && keys.contains(&RecordKey::tenant()),
    };
    checks.that(knows, "who slept through the deletion is told of it")
}

async fn directory<S: Store>(store: &S, run: &str, checks: &mut Checks) -> Result<(), String> {
    let ids: Vec<TenantId> = (0..3).map(|n| tenant(run, &format!("zz{n}"))).collect::<Result<_, _>>()?;
    for id in &ids {
        store.commit(id, commit(vec![], vec![put(&RecordKey::tenant(), "t")])).await.map_err(say)?;
    }
    let from = format!("{run}-zz");
    let (page, more) = store.tenants(Some(&from), 2).await.map_err(say)?;
    checks.that(page == ids[..2] && more, "tenants are listed in order, a page at a time")?;
    let (rest, _) = store.tenants(Some(ids[1].as_str()), 1).await.map_err(say)?;
    checks.that(rest == ids[2..], "the next page goes on after the last")?;
    store.delete_tenant(&ids[1]).await.map_err(say)?;
    let (page, _) = store.tenants(Some(&from), 2).await.map_err(say)?;
    checks.that(page == [ids[0].clone(), ids[2].clone()], "a deleted tenant is not listed")
}
