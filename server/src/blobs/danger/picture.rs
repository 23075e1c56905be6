//! Pictures: how large they declare to be once they are decoded.

use super::{Danger, Ended, Opened};
use std::io::{Read, Seek};

/// 100 megapixels: 400 MB of memory when decoded.
const MOST_PIXELS: u64 = 100_000_000;
/// How far a JPEG's size is looked for behind its metadata.
const SEARCHED: u64 = 4 << 20;
/// And behind how many segments of it.
const SEGMENTS: usize = 4096;

/// Other formats than PNG, JPEG, GIF and WebP pass.
pub(super) fn check<R: Read + Seek>(file: &mut Opened<R>) -> Result<(), Ended> {
    let beginning = file.beginning(12)?;
    let (width, height) = match beginning.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => png(file)?,
        [0xff, 0xd8, 0xff, ..] => jpeg(file)?,
        [b'G', b'I', b'F', b'8', ..] => {
            let [a, b, c, d] = file.take(6)?;
            (u16::from_le_bytes([a, b]).into(), u16::from_le_bytes([c, d]).into())
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => webp(file)?,
        _ => return Ok(()),
    };
    if width.saturating_mul(height) > MOST_PIXELS {
        let allowed = MOST_PIXELS / 1_000_000;
        return Err(Ended::Dangerous(
            Danger::Pixels,
            format!("it is a picture of {width} times {height} pixels, and {allowed} megapixels are allowed"),
        ));
    }
    Ok(())
}

fn png<R: Read + Seek>(file: &mut Opened<R>) -> Result<(u64, u64), Ended> {
    // The first chunk is the header.
    if file.take(12)? != *b"IHDR" {
        return Err(Ended::Unclear);
    }
    Ok((u32::from_be_bytes(file.take(16)?).into(), u32::from_be_bytes(file.take(20)?).into()))
}

fn webp<R: Read + Seek>(file: &mut Opened<R>) -> Result<(u64, u64), Ended> {
    match &file.take(12)? {
        b"VP8X" => {
            let [a, b, c, d, e, f] = file.take(24)?;
            let side = |low, middle, high| u64::from(u32::from_le_bytes([low, middle, high, 0])) + 1;
            Ok((side(a, b, c), side(d, e, f)))
        }
        b"VP8L" => {
            let sides = u64::from(u32::from_le_bytes(file.take(21)?));
            Ok(((sides & 0x3fff) + 1, ((sides >> 14) & 0x3fff) + 1))
        }
        b"VP8 " => {
            let [a, b, c, d] = file.take(26)?;
            // The two high bits are a scale.
            let side = |low, high| u64::from(u16::from_le_bytes([low, high]) & 0x3fff);
            Ok((side(a, b), side(c, d)))
        }
        _ => Err(Ended::Unclear),
    }
}

/// The size stands in the frame's header, behind any number of segments with metadata (ITU-T T.81, B.2).
fn jpeg<R: Read + Seek>(file: &mut Opened<R>) -> Result<(u64, u64), Ended> {
    let mut at = 2;
    for _ in 0..SEGMENTS {
        if at > SEARCHED {
            break;
        }
        match file.take(at)? {
            // Any marker may be filled up before.
            [0xff, 0xff] => at += 1,
            // Without a length.
            [0xff, 0x01 | 0xd0..=0xd7] => at += 2,
            // An end, or data, before there was a frame; a zero is no marker.
            [0xff, 0x00 | 0xd8..=0xda] => break,
            // Every other C is a frame, but for tables and what is reserved.
            [0xff, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf] => {
                let [a, b, c, d] = file.take(at + 5)?;
                let (height, width) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                // A height of nought is told after the data.
                return if height == 0 { Err(Ended::Unclear) } else { Ok((width.into(), height.into())) };
            }
            [0xff, _] => {
                let length = u16::from_be_bytes(file.take(at + 2)?);
                if length < 2 {
                    break;
                }
                at += 2 + u64::from(length);
            }
            _ => break,
        }
    }
    Err(Ended::Unclear)
}
