//! Secrets and what is sealed with one. Input: which use of how many, an owner, a content, and how to alter what comes of it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use toolgate_seal::{KEY_RANDOM_BYTES, MasterKey, OperatorToken, Presented, Purpose, Sealer, mint};

use crate::{SEPARATOR, parts, texts};

const PURPOSES: [Purpose; 6] = [
    Purpose::Session,
    Purpose::UpstreamHeader,
    Purpose::ServerRequest,
    Purpose::Event,
    Purpose::RequestState,
    Purpose::Task,
];

pub(crate) fn check(input: &[u8]) {
    let sealer = Sealer::new(&MasterKey::from_bytes([7; 32]));
    if let Ok(text) = std::str::from_utf8(input) {
        // A key that seals nothing here: a fuzzer sees what is compared, and would only repeat what was sealed with the other.
        made_up(&Sealer::new(&MasterKey::from_bytes([9; 32])), text);
    }
    if let Some([number, owner, content]) = texts(input) {
        sealed(&sealer, PURPOSES[number.len() % PURPOSES.len()], owner, content);
    }
    let [_, _, content, changes] = parts(input);
    altered(&sealer, content, changes);
    keys(content, changes);
}

/// Nobody makes up what opens.
fn made_up(sealer: &Sealer, text: &str) {
    for text in text.split(char::from(SEPARATOR)).chain([text]) {
        for purpose in PURPOSES {
            assert!(sealer.open(purpose, "acme/k", text).is_err());
        }
        assert!(Presented::parse(text).is_none_or(|key| !key.matches(&mint(&[3; KEY_RANDOM_BYTES]).hash)));
        let _ = MasterKey::from_hex(text);
        if let Ok(token) = OperatorToken::new(text) {
            assert!(token.matches(text.trim()) && !token.matches(&format!("{}x", text.trim())));
        }
    }
}

/// What is sealed opens for its use and its owner, as it was.
fn sealed(sealer: &Sealer, purpose: Purpose, owner: &str, content: &str) {
    let nonce = std::array::from_fn(|at| content.as_bytes().get(at).copied().unwrap_or(9));
    let same = sealer.seal_same(purpose, owner, content.as_bytes());
    assert_eq!(same, sealer.seal_same(purpose, owner, content.as_bytes()));
    for sealed in [sealer.seal(purpose, owner, content.as_bytes(), nonce), same] {
        assert_eq!(sealer.open(purpose, owner, &sealed).as_deref(), Ok(content.as_bytes()));
        for other in PURPOSES.into_iter().filter(|other| *other != purpose) {
            assert!(sealer.open(other, owner, &sealed).is_err());
        }
        for other in [format!("{owner}x"), format!("x{owner}"), format!("{owner}/"), format!("{owner}\0")] {
            assert!(sealer.open(purpose, &other, &sealed).is_err());
        }
        let other = Sealer::new(&MasterKey::from_bytes([8; 32]));
        assert!(other.open(purpose, owner, &sealed).is_err());
    }
}

/// `text` with changes made: each two bytes are a place and what is put there, or taken out or added.
fn changed(text: &str, changes: &[u8]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for change in changes.chunks_exact(2).take(8) {
        let at = usize::from(change[0]) * bytes.len().max(1) / 256;
        match change[1] {
            0 if at < bytes.len() => drop(bytes.remove(at)),
            1 => bytes.truncate(at),
            with if with < 128 && at < bytes.len() => bytes[at] = with,
            with => bytes.insert(at.min(bytes.len()), with & 127),
        }
    }
    bytes
}

/// What is altered in any way does not open: there is one spelling of each handle.
fn altered(sealer: &Sealer, content: &[u8], changes: &[u8]) {
    let sealed = sealer.seal(Purpose::Session, "acme/k", content, [5; 24]);
    let bytes = changed(&sealed, changes);
    let Ok(text) = String::from_utf8(bytes) else { return };
    assert_eq!(sealer.open(Purpose::Session, "acme/k", &text).is_ok(), text == sealed);
    // And the bytes within it.
    let mut raw = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
    let Some([at, bit]) = changes.first_chunk() else { return };
    let at = usize::from(*at) % raw.len();
    raw[at] ^= 1 << (bit % 8);
    assert!(sealer.open(Purpose::Session, "acme/k", &URL_SAFE_NO_PAD.encode(raw)).is_err());
}

fn keys(random: &[u8], changes: &[u8]) {
    let random = std::array::from_fn(|at| random.get(at).copied().unwrap_or(1));
    let key = mint(&random);
    let presented = Presented::parse(&key.secret).unwrap();
    assert!(presented.matches(&key.hash) && presented.id() == Some(key.id.clone()));
    assert!(!format!("{presented:?}{key:?}").contains(&key.secret[21..]));
    let Ok(text) = String::from_utf8(changed(&key.secret, changes)) else { return };
    if text == key.secret {
        return;
    }
    assert!(Presented::parse(&text).is_none_or(|presented| !presented.matches(&key.hash)));
}
