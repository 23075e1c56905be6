//! From a picture to its thumbnail. Only pixels come through: neither position nor camera nor comments, no embedded second
//! picture. Of an animation the first picture is drawn.

use super::{MOST, PIXELS, SIDE};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// Of JPEG, from 1 to 100.
const QUALITY: u8 = 80;

/// The thumbnail, as JPEG, or as PNG where it lets through what is behind it. `None` for whatever is no picture, or one too
/// large.
pub(super) fn draw(picture: &[u8], memory: u64) -> Option<Vec<u8>> {
    let mut reader = ImageReader::new(Cursor::new(picture)).with_guessed_format().ok()?;
    let known = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP];
    if !known.contains(&reader.format()?) {
        return None;
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(memory);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS || decoder.total_bytes() > memory {
        return None;
    }
    let orientation = decoder.orientation().ok()?;
    let mut drawn = DynamicImage::from_decoder(decoder).ok()?;
    if width > SIDE || height > SIDE {
        drawn = drawn.thumbnail(SIDE, SIDE);
    }
    // Small by now: turning needs a second one.
    drawn.apply_orientation(orientation);
    let mut out = Vec::new();
    if drawn.color().has_alpha() && drawn.to_rgba8().pixels().any(|pixel| pixel.0[3] != u8::MAX) {
        let to = PngEncoder::new_with_quality(&mut out, CompressionType::Default, FilterType::Adaptive);
        drawn.to_rgba8().write_with_encoder(to).ok()?;
    } else {
        drawn.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut out, QUALITY)).ok()?;
    }
    (out.len() as u64 <= MOST).then_some(out)
}
