//! Small pictures of shared pictures. A decoder of pictures is code that strangers feed, so it runs in a process of its own, this
//! program once more, that can do nothing but read its input, compute for a while in some memory, and write its
//! output (`confine`). The opened picture goes there by a pipe and the thumbnail comes back by another; on the disk both
//! are sealed only.
//!
//! A picture that crashes that process, fills its memory or takes too long has no thumbnail, and that is all.

mod confine;
mod draw;
mod drawing;
mod work;

pub use drawing::{Drawing, Fault};
pub use work::in_background;

use std::io::{Read, Write};

/// The longest side of a thumbnail.
pub const SIDE: u32 = 512;
/// Pictures of more bytes have none.
pub const LARGEST: u64 = 50 << 20;
/// Nor have pictures of more pixels.
pub const PIXELS: u64 = 40_000_000;
/// No thumbnail has more bytes.
pub const MOST: u64 = 1280 << 10;
/// What the process answers for a picture that it cannot or will not draw.
const REFUSED: u8 = 65;
/// And when it could not confine itself: then it reads nothing.
const LOOSE: u8 = 71;

/// What a thumbnail can be made of.
pub fn is_picture(media_type: &str) -> bool {
    ["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&media_type)
}

/// What the process does: a picture comes in, its thumbnail goes out. The answer is its exit code.
pub fn run(memory: u64, seconds: u64) -> u8 {
    if confine::confine(memory, seconds).is_err() {
        return LOOSE;
    }
    let mut picture = Vec::new();
    let read = std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut picture);
    if read.is_err() || picture.len() as u64 > LARGEST {
        return REFUSED;
    }
    // Half of it, so that the picture itself and its thumbnail have room.
    let Some(thumbnail) = draw::draw(&picture, memory / 2) else { return REFUSED };
    let mut out = std::io::stdout().lock();
    match out.write_all(&thumbnail).and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(_) => REFUSED,
    }
}

#[cfg(test)]
mod tests;
