use super::draw::draw;
use image::codecs::gif::GifEncoder;
use image::{DynamicImage, ExtendedColorType, Frame, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use std::io::Cursor;

const MEMORY: u64 = 256 << 20;

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// Red on the left, blue on the right.
fn two_halves(width: u32, height: u32) -> DynamicImage {
    let half = |x, _| if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) };
    RgbImage::from_fn(width, height, half).into()
}

fn opened(thumbnail: &[u8]) -> (ImageFormat, RgbImage) {
    let format = image::guess_format(thumbnail).unwrap();
    (format, image::load_from_memory_with_format(thumbnail, format).unwrap().to_rgb8())
}

fn is_red(pixel: &Rgb<u8>) -> bool {
    pixel.0[0] > 200 && pixel.0[2] < 60
}

#[test]
fn every_format_is_drawn_small_and_in_its_proportions() {
    let picture = two_halves(1000, 400);
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
        let (told, drawn) = opened(&draw(&encoded(&picture, format), MEMORY).unwrap());
        assert_eq!((told, drawn.dimensions()), (ImageFormat::Jpeg, (512, 205)), "{format:?}");
        assert!(is_red(drawn.get_pixel(10, 100)) && !is_red(drawn.get_pixel(500, 100)), "{format:?}");
    }
    let (_, small) = opened(&draw(&encoded(&two_halves(40, 30), ImageFormat::Png), MEMORY).unwrap());
    assert_eq!(small.dimensions(), (40, 30), "nothing is drawn larger than it is");
    let (_, thin) = opened(&draw(&encoded(&two_halves(4000, 2), ImageFormat::Png), MEMORY).unwrap());
    assert_eq!(thin.dimensions(), (512, 1));
}

#[test]
fn what_lets_through_stays_so() {
    let glass = RgbaImage::from_fn(600, 600, |x, _| Rgba([0, 255, 0, if x < 300 { 0 } else { 255 }]));
    let drawn = draw(&encoded(&glass.into(), ImageFormat::Png), MEMORY).unwrap();
    assert_eq!(image::guess_format(&drawn).unwrap(), ImageFormat::Png);
    let drawn = image::load_from_memory(&drawn).unwrap().to_rgba8();
    assert_eq!((drawn.dimensions(), drawn.get_pixel(5, 5).0[3], drawn.get_pixel(500, 5).0[3]), ((512, 512), 0, 255));
    let full = RgbaImage::from_pixel(600, 600, Rgba([0, 255, 0, 255]));
    let drawn = draw(&encoded(&full.into(), ImageFormat::Png), MEMORY).unwrap();
    assert_eq!(image::guess_format(&drawn).unwrap(), ImageFormat::Jpeg);
}

#[test]
fn it_is_turned_as_the_camera_was_held_and_nothing_else_of_the_camera_stays() {
    let picture = encoded(&two_halves(800, 400), ImageFormat::Jpeg);
    // One entry: orientation (0x0112), a short, 6: the first row is on the right.
    let tiff = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let marker = b"marker-camera-position";
    let mut exif = [b"Exif\0\0".as_slice(), tiff, marker].concat();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    exif.splice(..0, [0xff, 0xe1, length[0], length[1]]);
    let held = [&picture[..2], &exif, &picture[2..]].concat();
    let thumbnail = draw(&held, MEMORY).unwrap();
    let (_, drawn) = opened(&thumbnail);
    assert_eq!(drawn.dimensions(), (256, 512));
    assert!(is_red(drawn.get_pixel(128, 20)) && !is_red(drawn.get_pixel(128, 500)), "what was left is above");
    assert!(held.windows(6).any(|part| part == b"marker"));
    for word in [b"Exif".as_slice(), b"marker"] {
        assert!(!thumbnail.windows(word.len()).any(|part| part == word));
    }
}

#[test]
fn of_an_animation_the_first_picture_is_drawn() {
    let mut gif = Vec::new();
    {
        let mut frames = GifEncoder::new(&mut gif);
        for color in [[255, 0, 0, 255], [0, 0, 255, 255]] {
            frames.encode_frame(Frame::new(RgbaImage::from_pixel(30, 30, Rgba(color)))).unwrap();
        }
    }
    let (_, drawn) = opened(&draw(&gif, MEMORY).unwrap());
    assert!(is_red(drawn.get_pixel(15, 15)));
}

#[test]
fn what_is_no_picture_or_too_much_is_not_drawn() {
    let png = encoded(&two_halves(100, 100), ImageFormat::Png);
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("text", b"GIF of my holidays, please".to_vec()),
        ("markup", b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()),
        ("another format", b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0".to_vec()),
        ("cut short", png[..png.len() / 2].to_vec()),
    ] {
        assert!(draw(&bytes, MEMORY).is_none(), "{what}");
    }
    // Memory for what it declares is refused before it is asked for.
    assert!(draw(&png, 20_000).is_none());
    // 41 megapixels, of which there is only the header.
    let mut large = Vec::new();
    image::codecs::png::PngEncoder::new(&mut large).write_image(&[0; 3], 1, 1, ExtendedColorType::Rgb8).unwrap();
    large[16..24].copy_from_slice(&[0, 0, 0x19, 0, 0, 0, 0x19, 0x10]);
    assert!(draw(&large, u64::MAX).is_none());
}

/// The filter is a thread's, so it can be tried in one; the rest of it is seen on the real process (`tests/thumbnails.rs`).
#[cfg(target_os = "linux")]
#[test]
fn behind_the_filter_nothing_can_be_opened_started_or_asked() {
    let path = std::env::current_exe().unwrap();
    let tried = std::thread::spawn(move || {
        super::confine::filter::apply().unwrap();
        let file = std::fs::File::open(&path).map(drop);
        let written = std::fs::write("/tmp/thechatapp-confined", "x");
        let listening = std::net::TcpListener::bind("127.0.0.1:0").map(drop);
        let started = std::process::Command::new(&path).spawn().map(drop);
        let memory = vec![1_u8; 8 << 20].iter().map(|byte| u64::from(*byte)).sum::<u64>();
        (file, written, listening, started, memory)
    });
    let (file, written, listening, started, memory) = tried.join().unwrap();
    for denied in [file, written, listening, started] {
        assert_eq!(denied.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
    }
    assert_eq!(memory, 8 << 20, "it can still compute");
}
