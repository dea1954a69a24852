use super::*;

fn key(server: &str, revision: u64) -> ServerKey {
    ServerKey {
        tenant: TenantId::new("acme").unwrap(),
        server: ServerId::new(server).unwrap(),
        revision: Revision(revision),
    }
}

fn legacy() -> Rc<Verdict> {
    Rc::new(crate::handshake::verdict(Version::V2025_11_25))
}

fn session(id: Option<&'static str>) -> Rc<Session> {
    Rc::new(Session::new(id.map(HeaderValue::from_static), Version::V2025_11_25))
}

#[test]
fn a_session_belongs_to_its_partition_and_ends_when_idle() {
    let (mut memory, key) = (Memory::default(), key("a", 1));
    memory.learn(&key, legacy(), 0);
    memory.keep_session(&key, "alice", &session(Some("s1")), 0);
    assert!(memory.session(&key, "bob", 1).is_none());
    assert!(memory.session(&key, "alice", SESSION_IDLE - 1).is_some());
    assert!(memory.session(&key, "alice", 2 * SESSION_IDLE - 2).is_some(), "using it keeps it");
    assert!(memory.session(&key, "alice", 4 * SESSION_IDLE).is_none());
    assert_eq!(memory.sessions, 0);
}

#[test]
fn a_handshake_without_session_serves_every_partition() {
    let (mut memory, key) = (Memory::default(), key("a", 1));
    memory.learn(&key, legacy(), 0);
    let shared = session(None);
    memory.keep_session(&key, "alice", &shared, 0);
    assert!(memory.session(&key, "bob", 1).is_some());
    memory.drop_session(&key, "bob", &shared);
    assert!(memory.session(&key, "alice", 1).is_none());
}

#[test]
fn sessions_are_bounded_and_the_least_used_goes_first() {
    let (mut memory, key) = (Memory::default(), key("a", 1));
    memory.learn(&key, legacy(), 0);
    for number in 0..MAX_SESSIONS as u64 {
        memory.keep_session(&key, &number.to_string(), &session(Some("s")), number);
    }
    assert!(memory.session(&key, "0", 5_000).is_some());
    memory.keep_session(&key, "one more", &session(Some("s")), 5_001);
    assert!(memory.session(&key, "0", 5_002).is_some());
    assert!(memory.session(&key, "1", 5_002).is_none());
    assert!(memory.session(&key, "2", 5_002).is_some());
    assert!(memory.sessions <= MAX_SESSIONS);
}

#[test]
fn servers_are_bounded_and_a_new_revision_replaces_the_old() {
    let mut memory = Memory::default();
    memory.learn(&key("a", 1), legacy(), 0);
    memory.keep_session(&key("a", 1), "p", &session(Some("s")), 0);
    memory.learn(&key("a", 2), legacy(), 1);
    assert!(memory.verdict(&key("a", 1), 2).is_none());
    assert!(memory.session(&key("a", 2), "p", 2).is_none());
    assert_eq!(memory.sessions, 0);
    for number in 0..MAX_SERVERS as u64 + 10 {
        memory.learn(&key(&format!("s{number}"), 1), legacy(), 10 + number);
    }
    assert_eq!(memory.servers.len(), MAX_SERVERS);
    assert!(memory.verdict(&key("a", 2), 9_999).is_none());
}

#[test]
fn a_session_that_was_replaced_is_not_dropped_for_the_old_one() {
    let (mut memory, key) = (Memory::default(), key("a", 1));
    memory.learn(&key, legacy(), 0);
    let (old, new) = (session(Some("old")), session(Some("new")));
    memory.keep_session(&key, "p", &old, 0);
    memory.keep_session(&key, "p", &new, 1);
    memory.drop_session(&key, "p", &old);
    assert!(memory.session(&key, "p", 2).is_some_and(|kept| Rc::ptr_eq(&kept, &new)));
}

#[test]
fn only_what_the_server_said_lately_is_fresh() {
    let (mut memory, key) = (Memory::default(), key("a", 1));
    memory.adopt(&key, &legacy(), 0);
    assert!(!memory.is_fresh(&key, 1));
    memory.learn(&key, legacy(), 1);
    assert!(memory.is_fresh(&key, FRESH));
    assert!(!memory.is_fresh(&key, FRESH + 1));
    memory.forget(&key);
    assert!(!memory.is_fresh(&key, 2));
}
