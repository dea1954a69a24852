//! Numbers that look random and follow from the seed that came with the program (splitmix64).

use crate::memory::Single;

static STATE: Single<u64> = Single::new(0);

pub(crate) fn seed(seed: u64) {
    *STATE.get() = seed;
}

fn next() -> u64 {
    let state = STATE.get();
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// From zero up to one, as `Math.random` gives.
pub(crate) fn fraction() -> f64 {
    (next() >> 11) as f64 / (1u64 << 53) as f64
}

/// What the interpreter's libraries take for the system's randomness.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(dest: *mut u8, length: usize) -> Result<(), getrandom::Error> {
    // SAFETY: getrandom hands over `length` bytes at `dest` to be written.
    let dest = unsafe { std::slice::from_raw_parts_mut(dest.cast::<std::mem::MaybeUninit<u8>>(), length) };
    for chunk in dest.chunks_mut(8) {
        let bytes = next().to_le_bytes();
        for (to, from) in chunk.iter_mut().zip(bytes) {
            to.write(from);
        }
    }
    Ok(())
}
