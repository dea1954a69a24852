//! What each layer denies, and that none adds to what the one before allows.

use std::collections::BTreeMap;

use proptest::prelude::*;
use toolgate_model::{
    Approvals, CodeLimits, CodeSettings, Destructive, Item, ItemKind, KeyId, KeyRecord, Network, PolicyDocument,
    Prefix, Revision, ServerId, TeamRecord, TenantId, TenantRecord, Timestamp, ToolsMode, ViewId, ViewRecord,
    ViewServer,
};
use toolgate_rules::{Annotations, Arguments};

use super::*;

fn tenant() -> TenantRecord {
    TenantRecord {
        display_name: None,
        enabled: true,
        code: CodeSettings::default(),
        approvals: Approvals::default(),
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    }
}

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn key(grants: &[&str]) -> KeyRecord {
    KeyRecord {
        id: KeyId::new("0123456789abcdef").unwrap(),
        name: "k".into(),
        hash: String::new(),
        previous: None,
        team: None,
        user: None,
        grants: grants.iter().map(|g| g.parse().unwrap()).collect(),
        labels: std::collections::BTreeMap::new(),
        tools_mode: ToolsMode::Direct,
        code: CodeLimits::default(),
        expires_at: None,
        enabled: true,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    }
}

fn server(id: &str) -> ServerId {
    ServerId::new(id).unwrap()
}

fn tool<'a>(server: &'a ServerId, name: &'a str) -> Subject<'a> {
    Subject {
        server,
        network: Network::Public,
        access: Access::All,
        item: Item::Tool(name),
        kind: ItemKind::Tool,
        described: Described::default(),
        arguments: Arguments::Unknown,
    }
}

fn view(server: &ServerId, tools: &[&str]) -> ViewRecord {
    let shown = ViewServer {
        tools: tools.iter().map(|&tool| tool.to_owned()).collect(),
        prompts: Vec::new(),
        resources: Vec::new(),
        rename: BTreeMap::new(),
        arguments: BTreeMap::new(),
    };
    ViewRecord {
        display_name: None,
        prefix: Prefix::Always,
        servers: BTreeMap::from([(server.clone(), shown)]),
        tools_mode: None,
        enabled: true,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    }
}

/// Rules by effect and condition, written at revision 7.
fn rules(rules: &[(&str, &str)]) -> Rules {
    let rules: Vec<_> = (1..)
        .zip(rules)
        .map(|(n, (effect, when))| serde_json::json!({"name": format!("r{n}"), "effect": effect, "when": when}))
        .collect();
    let document: PolicyDocument = serde_json::from_value(serde_json::json!({"rules": rules})).unwrap();
    let rules = Rules::of(Revision(7), &document);
    assert!(rules.policy().is_some());
    rules
}

#[test]
fn a_key_is_let_in_only_while_it_and_its_tenant_are_good() {
    let now = Timestamp::from_millis(100);
    let (acme, mut key, mut tenant) = (acme(), key(&["*"]), tenant());
    assert!(admit(&acme, &tenant, &key, None, now).is_ok());
    key.expires_at = Some(Timestamp::from_millis(101));
    assert!(admit(&acme, &tenant, &key, None, now).is_ok());
    key.expires_at = Some(now);
    assert_eq!(admit(&acme, &tenant, &key, None, now).unwrap_err(), Refusal::KeyExpired);
    key.enabled = false;
    assert_eq!(admit(&acme, &tenant, &key, None, now).unwrap_err(), Refusal::KeyDisabled);
    tenant.enabled = false;
    assert_eq!(admit(&acme, &tenant, &key, None, now).unwrap_err(), Refusal::TenantDisabled);
}

#[test]
fn a_key_of_a_team_is_let_in_only_while_the_team_is_good() {
    let (acme, tenant, key) = (acme(), tenant(), key(&["*"]));
    let team = |enabled| TeamRecord {
        display_name: None,
        enabled,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    };
    let refusal = |team: Option<Option<&TeamRecord>>| admit(&acme, &tenant, &key, team, Timestamp::default()).err();
    assert_eq!(refusal(None), None);
    assert_eq!(refusal(Some(Some(&team(true)))), None);
    assert_eq!(refusal(Some(Some(&team(false)))), Some(Refusal::TeamDisabled));
    assert_eq!(refusal(Some(None)), Some(Refusal::TeamDisabled));
}

#[test]
fn the_rule_that_decided_is_named() {
    let (acme, key, tenant) = (acme(), key(&["a__x", "b__*"]), tenant());
    let who = admit(&acme, &tenant, &key, None, Timestamp::default()).unwrap();
    let (a, b) = (server("a"), server("b"));
    assert_eq!(decide(who, &tool(&a, "x")).to_string(), "grant:a__x");
    assert_eq!(decide(who, &tool(&b, "anything")).to_string(), "grant:b__*");
    assert_eq!(decide(who, &tool(&a, "y")).to_string(), "no-grant");
}

#[test]
fn a_view_shows_what_it_names_of_what_is_granted() {
    let (a, b) = (server("a"), server("b"));
    let (acme, key, tenant, view) = (acme(), key(&["*"]), tenant(), view(&a, &["x"]));
    let id = ViewId::new("v").unwrap();
    let who = admit(&acme, &tenant, &key, None, Timestamp::default()).unwrap().through(Some((&id, &view)));
    assert_eq!(decide(who, &tool(&a, "x")).to_string(), "grant:*");
    let prompt = Subject { item: Item::Prompt("x"), kind: ItemKind::Prompt, ..tool(&a, "x") };
    for subject in [tool(&a, "y"), prompt, tool(&b, "x")] {
        assert_eq!(decide(who, &subject), Decision::NotInView, "{subject:?}");
    }
    assert!(touches(who, &a) && !touches(who, &b));
}

#[test]
fn a_server_that_is_only_read_has_only_tools_that_say_so() {
    let (acme, key, tenant, a) = (acme(), key(&["*"]), tenant(), server("a"));
    let who = admit(&acme, &tenant, &key, None, Timestamp::default()).unwrap();
    let said = |read_only| Described {
        annotations: Annotations { read_only, ..Annotations::default() },
        ..Described::default()
    };
    let only_read = |read_only| Subject { access: Access::ReadOnly, described: said(read_only), ..tool(&a, "x") };
    assert!(decide(who, &only_read(Some(true))).allowed());
    assert_eq!(decide(who, &only_read(Some(false))).to_string(), "read-only");
    assert_eq!(decide(who, &only_read(None)), Decision::ReadOnly);
    let prompt = Subject { access: Access::ReadOnly, item: Item::Prompt("x"), kind: ItemKind::Prompt, ..tool(&a, "x") };
    assert!(decide(who, &prompt).allowed());
}

#[test]
fn a_policy_decides_with_its_revision_what_is_granted() {
    let (acme, key, tenant, a) = (acme(), key(&["a__*"]), tenant(), server("a"));
    let rules = rules(&[
        ("allow", "tool.name.startsWith('get')"),
        ("deny", "tool.name == 'get_secret'"),
        ("approve", "tool.name == 'get_all' && arguments.count > 10"),
    ]);
    let who = admit(&acme, &tenant, &key, None, Timestamp::default()).unwrap().under(Some(&rules));
    let rule = |subject: &Subject<'_>| decide(who, subject).to_string();
    assert_eq!(rule(&tool(&a, "get_x")), "policy@7:allow:r1");
    assert_eq!(rule(&tool(&a, "get_secret")), "policy@7:deny:r2");
    assert_eq!(rule(&tool(&a, "put_x")), "policy@7:no-allow-rule");
    let b = server("b");
    assert_eq!(rule(&tool(&b, "get_x")), "no-grant", "a policy adds nothing to grants");

    let called = |arguments| decide(who, &tool(&a, "get_all").called_with(Some(arguments))).into_allowed();
    assert!(called(r#"{"count":11}"#).unwrap().needs_approval());
    assert!(!called(r#"{"count":10}"#).unwrap().needs_approval());
    assert_eq!(called("{}").unwrap_err().to_string(), "policy@7:failed:r3", "errors deny");
}

#[test]
fn a_tenant_says_which_tools_that_may_destroy_wait_for_approval() {
    let (acme, key, a) = (acme(), key(&["*"]), server("a"));
    let needs = |destructive, read_only, says| {
        let approvals = Approvals { destructive, ..Approvals::default() };
        let tenant = TenantRecord { approvals, ..tenant() };
        let who = admit(&acme, &tenant, &key, None, Timestamp::default()).unwrap();
        let annotations = Annotations { read_only, destructive: says, ..Annotations::default() };
        let subject = Subject { described: Described { annotations, ..Described::default() }, ..tool(&a, "x") };
        decide(who, &subject).into_allowed().unwrap().needs_approval()
    };
    for (which, silent, marked, spared, only_reads) in [
        (Destructive::Allowed, false, false, false, false),
        (Destructive::Marked, false, true, false, false),
        (Destructive::Assumed, true, true, false, false),
    ] {
        assert_eq!(needs(which, None, None), silent);
        assert_eq!(needs(which, None, Some(true)), marked);
        assert_eq!(needs(which, None, Some(false)), spared);
        assert_eq!(needs(which, Some(true), None), only_reads);
    }
}

#[test]
fn a_policy_that_cannot_be_used_allows_nothing() {
    let (acme, key, tenant, a) = (acme(), key(&["*"]), tenant(), server("a"));
    let document: PolicyDocument =
        serde_json::from_str(r#"{"rules":[{"name":"a","effect":"allow","when":"no_such_thing"}]}"#).unwrap();
    for broken in [Rules::of(Revision(3), &document), Rules::unreadable(Revision(3))] {
        let who = admit(&acme, &tenant, &key, None, Timestamp::default()).unwrap().under(Some(&broken));
        assert_eq!(decide(who, &tool(&a, "x")).to_string(), "policy@3:unusable");
    }
}

#[test]
fn what_a_policy_looks_at_says_what_a_cached_list_depends_on() {
    let (acme, key, tenant) = (acme(), key(&["*"]), tenant());
    let origin = Origin { ip: Some("192.0.2.1"), host: Some("acme.example.com") };
    let who = admit(&acme, &tenant, &key, None, Timestamp::default()).unwrap().from(origin);
    assert_eq!(who.facet().as_deref(), Some(""));
    let facet = |when| who.under(Some(&rules(&[("allow", when)]))).facet();
    assert_eq!(facet("tool.name == 'x'"), facet("arguments.a == 1"));
    assert!(facet("has(network.ip) && network.ip == '192.0.2.1'").unwrap().contains("192.0.2.1"));
    assert_eq!(facet("time.hour < 8"), None);
}

proptest! {
    #[test]
    fn a_view_never_adds_to_what_is_granted(
        grants in prop::collection::vec("(\\*|[ab]__(\\*|[xy]))", 0..4), shown in prop::collection::vec("[*xy]", 0..3),
        name in "[xy]",
    ) {
        let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
        let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        let a = server("a");
        let (acme, key, tenant, view, id) = (acme(), key(&grants), tenant(), view(&a, &shown), ViewId::new("v").unwrap());
        let who = admit(&acme, &tenant, &key, None, Timestamp::default()).unwrap();
        for server in [a, server("b")] {
            let through = decide(who.through(Some((&id, &view))), &tool(&server, &name)).allowed();
            prop_assert!(!through || decide(who, &tool(&server, &name)).allowed());
        }
    }

    #[test]
    fn a_policy_never_adds_to_what_is_allowed_without_it(
        grants in prop::collection::vec("(\\*|[ab]__(\\*|[xy]))", 0..3), effect in "allow|deny|approve",
        when in prop::sample::select(vec!["true", "tool.name == 'x'", "server.id == 'a'", "arguments.a == 1", "has(tool.title)"]),
        access in prop::sample::select(vec![Access::All, Access::ReadOnly]), name in "[xy]", at in "[ab]",
    ) {
        let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
        let (acme, key, tenant, at, rules) = (acme(), key(&grants), tenant(), server(&at), rules(&[(&effect, when)]));
        let who = admit(&acme, &tenant, &key, None, Timestamp::default()).unwrap();
        let subject = Subject { access, ..tool(&at, &name) };
        let under = decide(who.under(Some(&rules)), &subject).allowed();
        prop_assert!(!under || decide(who, &subject).allowed());
        prop_assert!(!under || permits(who, &at, Item::Tool(&name)).is_ok());
    }

    #[test]
    fn nothing_granted_means_nothing_allowed(at in "[a-z]{1,4}", name in "[a-z]{1,4}") {
        let (acme, key, tenant, at) = (acme(), key(&[]), tenant(), server(&at));
        let who = admit(&acme, &tenant, &key, None, Timestamp::default()).unwrap();
        prop_assert!(!decide(who, &tool(&at, &name)).allowed());
        prop_assert!(!touches(who, &at));
    }

    #[test]
    fn what_is_allowed_is_touched_and_a_further_grant_never_takes_away(
        grants in prop::collection::vec("(\\*|[ab]__(\\*|[xy]))", 0..4),
        further in "(\\*|[ab]__(\\*|[xy]))", at in "[ab]", name in "[xy]",
    ) {
        let (acme, at, tenant) = (acme(), server(&at), tenant());
        let mut texts: Vec<&str> = grants.iter().map(String::as_str).collect();
        let narrow = key(&texts);
        texts.push(&further);
        let wide = key(&texts);
        let narrow = admit(&acme, &tenant, &narrow, None, Timestamp::default()).unwrap();
        let who = admit(&acme, &tenant, &wide, None, Timestamp::default()).unwrap();
        prop_assert!(!decide(narrow, &tool(&at, &name)).allowed() || decide(who, &tool(&at, &name)).allowed());
        prop_assert!(!decide(who, &tool(&at, &name)).allowed() || touches(who, &at));
    }
}
