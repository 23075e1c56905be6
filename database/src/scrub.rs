//! What has ended leaves what it worked with on its thread's stack, keys included, until something else is written there.

use std::hint::black_box;

/// Deeper than what is done with keys reaches.
const DEPTH: usize = 256 * 1024;

/// Overwrites the stack below whoever calls, after something was done with keys. The registers are written over on the way.
#[inline(never)]
pub fn scrub_stack() {
    let mut below = [0_u8; DEPTH];
    black_box(&mut below);
}
