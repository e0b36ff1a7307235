//! Rows from PNG images, one a row, for models that take images.
//!
//! A number of the row is `(pixel - mean)·scale`, where pixels are 0 to 1 and mean and scale are of the channel. Nothing is
//! resized, turned to grey or blended: an image of another size or with other channels is another input, and refused by name.

use std::io::Cursor;
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use super::RowsError;

/// How an image begins.
pub const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What pixels become.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// Subtracted from pixels: one number of all channels or one of each.
    pub mean: Vec<f64>,
    /// What differences are multiplied by: one number of all channels or one of each.
    pub scale: Vec<f64>,
}

impl Default for Scaling {
    /// Pixels from 0 to 1.
    fn default() -> Self {
        Self {
            mean: vec![0.0],
            scale: vec![1.0],
        }
    }
}

/// How a model takes an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    channels: usize,
    height: usize,
    width: usize,
    /// Whether the channels of a pixel are beside each other.
    last: bool,
}

impl Shape {
    /// `(channels, height, width)`, `(height, width, channels)` or `(height, width)`, with axes of one entry before.
    fn of(features: &[usize]) -> Option<Self> {
        let channels = |n: usize| (1..=4).contains(&n);
        let mut features = features;
        while let [1, rest @ ..] = features
            && rest.len() >= 3
        {
            features = rest;
        }
        let (channels, height, width, last) = match *features {
            [height, width] => (1, height, width, false),
            [first, height, width] if channels(first) => (first, height, width, false),
            [height, width, last] if channels(last) => (last, height, width, true),
            _ => return None,
        };
        Some(Self {
            channels,
            height,
            width,
            last,
        })
    }

    /// In words.
    fn describe(self) -> String {
        let channels = match self.channels {
            1 => "grey (1 channel)",
            2 => "grey with alpha (2 channels)",
            3 => "RGB (3 channels)",
            _ => "RGBA (4 channels)",
        };
        format!("{} × {} pixels, {channels}", self.width, self.height)
    }
}

/// The row of an image, as a model with an input of this shape takes it.
///
/// # Errors
/// [`RowsError`] if the file is no PNG image, or one of another size or with other channels, and if the model takes none.
pub fn read(path: &Path, features: &[usize], scaling: &Scaling) -> Result<Vec<f32>, RowsError> {
    row(&super::bytes(path)?, features, scaling).map_err(|problem| RowsError::Format {
        path: path.to_path_buf(),
        problem,
    })
}

fn row(bytes: &[u8], features: &[usize], scaling: &Scaling) -> Result<Vec<f32>, String> {
    let Some(wanted) = Shape::of(features) else {
        return Err(format!(
            "the model takes rows of shape {features:?}, no images: expected (channels, height, width), (height, width, channels) or (height, width)"
        ));
    };
    for (name, values) in [("mean", &scaling.mean), ("scale", &scaling.scale)] {
        let channels = wanted.channels;
        if values.len() != 1 && values.len() != channels {
            let found = values.len();
            return Err(format!(
                "--{name} has {found} numbers, expected one, or one for each of {channels} channels"
            ));
        }
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(format!("--{name} is {value}, expected finite numbers"));
        }
    }
    if !bytes.starts_with(PNG) {
        return Err("not a PNG image; convert it: Image.open(FILE).save(\"image.png\")".into());
    }
    let (pixels, found) = pixels(bytes, wanted)?;
    if found != wanted {
        return Err(format!(
            "an image of {}; the model takes {}. Resize and convert it as for the model's training (Pillow: convert(\"L\") is grey, convert(\"RGB\") has no alpha)",
            found.describe(),
            wanted.describe()
        ));
    }
    let of = |values: &[f64], channel: usize| match values {
        [one] => *one,
        several => several.get(channel).copied().unwrap_or(0.0),
    };
    let number = |pixel: usize, channel: usize| {
        let at = pixel * wanted.channels + channel;
        let value = pixels.get(at).copied().unwrap_or(0.0);
        ((value - of(&scaling.mean, channel)) * of(&scaling.scale, channel)) as f32
    };
    let (count, channels) = (wanted.height * wanted.width, wanted.channels);
    Ok(match wanted.last {
        true => (0..count * channels)
            .map(|at| number(at / channels, at % channels))
            .collect(),
        false => (0..count * channels)
            .map(|at| number(at % count, at / count))
            .collect(),
    })
}

/// Numbers 0 to 1, the channels of a pixel beside each other, and the shape; none if it has another size than is wanted.
fn pixels(bytes: &[u8], wanted: Shape) -> Result<(Vec<f64>, Shape), String> {
    let fail = |e: png::DecodingError| format!("not a PNG image that can be read: {e}");
    // Two bytes a number and a line's filter, for the image that is wanted; the decoder's own tables beside it.
    let size = (wanted.channels * wanted.width + 1) * wanted.height * 2;
    let limits = Limits {
        bytes: (1 << 20) + 4 * size,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(fail)?;
    if reader.info().animation_control().is_some() {
        return Err("an animation, expected one image".into());
    }
    let (color, depth) = reader.output_color_type();
    let channels = match color {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb | ColorType::Indexed => 3,
        ColorType::Rgba => 4,
    };
    let found = Shape {
        channels,
        height: reader.info().height as usize,
        width: reader.info().width as usize,
        last: wanted.last,
    };
    if found != wanted {
        return Ok((vec![], found));
    }
    let size = reader.output_buffer_size();
    let size = size.ok_or("an image that is too large")?;
    let mut buffer = vec![0; size];
    reader.next_frame(&mut buffer).map_err(fail)?;
    let pixels = match depth {
        BitDepth::Sixteen => {
            let words = buffer.as_chunks::<2>().0.iter();
            let number = |word: &[u8; 2]| f64::from(u16::from_be_bytes(*word)) / 65535.0;
            words.map(number).collect()
        }
        _ => buffer.iter().map(|byte| f64::from(*byte) / 255.0).collect(),
    };
    Ok((pixels, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(color: ColorType, depth: BitDepth, size: (u32, u32), data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![];
        let mut encoder = png::Encoder::new(&mut bytes, size.0, size.1);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == ColorType::Indexed {
            encoder.set_palette(vec![255, 0, 0, 0, 0, 255]);
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn grey(size: (u32, u32), data: &[u8]) -> Vec<u8> {
        image(ColorType::Grayscale, BitDepth::Eight, size, data)
    }

    #[test]
    fn pixels_stand_where_the_model_takes_them() {
        let plain = Scaling::default();
        let found = row(
            &grey((3, 2), &[0, 51, 102, 153, 204, 255]),
            &[1, 2, 3],
            &plain,
        )
        .unwrap();
        assert_eq!(found, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        let found = row(&grey((3, 2), &[0, 51, 102, 153, 204, 255]), &[2, 3], &plain).unwrap();
        assert_eq!(found, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        let colours = image(
            ColorType::Rgb,
            BitDepth::Eight,
            (2, 1),
            &[255, 0, 51, 102, 153, 204],
        );
        let channels_first = row(&colours, &[3, 1, 2], &plain).unwrap();
        assert_eq!(channels_first, [1.0, 0.4, 0.0, 0.6, 0.2, 0.8]);
        let fives: Vec<u8> = (0..15).map(|at| at * 17).collect();
        let tall = image(ColorType::Rgb, BitDepth::Eight, (1, 5), &fives);
        let channels_last = row(&tall, &[5, 1, 3], &plain).unwrap();
        let expected: Vec<f32> = (0..15).map(|at| (f64::from(at) / 15.0) as f32).collect();
        assert_eq!(channels_last, expected);
        let normalised = Scaling {
            mean: vec![0.5, 0.0, 0.2],
            scale: vec![2.0, 10.0, 5.0],
        };
        let found = row(&colours, &[1, 3, 1, 2], &normalised).unwrap();
        assert_eq!(found, [1.0, -0.2, 0.0, 6.0, 0.0, 3.0]);
        let depths = image(
            ColorType::Grayscale,
            BitDepth::Sixteen,
            (2, 1),
            &[255, 255, 0, 0],
        );
        assert_eq!(row(&depths, &[1, 1, 2], &plain).unwrap(), [1.0, 0.0]);
        let bits = image(ColorType::Grayscale, BitDepth::One, (2, 1), &[0b0100_0000]);
        assert_eq!(row(&bits, &[1, 1, 2], &plain).unwrap(), [0.0, 1.0]);
        let palette = image(ColorType::Indexed, BitDepth::Eight, (2, 1), &[0, 1]);
        assert_eq!(
            row(&palette, &[3, 1, 2], &plain).unwrap(),
            [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
        );
    }

    #[test]
    fn other_images_are_refused_by_name() {
        let plain = Scaling::default();
        let small = grey((3, 2), &[0; 6]);
        let with = |mean: &[f64]| Scaling {
            mean: mean.to_vec(),
            ..Scaling::default()
        };
        let alpha = image(ColorType::GrayscaleAlpha, BitDepth::Eight, (3, 2), &[0; 12]);
        let mut broken = small.clone();
        broken[40] ^= 0xff;
        for (bytes, features, scaling, expected) in [
            (
                &small,
                &[1, 3, 2][..],
                &plain,
                "an image of 3 × 2 pixels, grey (1 channel); the model takes 2 × 3 pixels, grey",
            ),
            (
                &small,
                &[3, 2, 3],
                &plain,
                "grey (1 channel); the model takes 3 × 2 pixels, RGB (3 channels)",
            ),
            (
                &alpha,
                &[1, 2, 3],
                &plain,
                "grey with alpha (2 channels); the model takes",
            ),
            (
                &small,
                &[6],
                &plain,
                "the model takes rows of shape [6], no images",
            ),
            (&small, &[5, 6, 7, 8], &plain, "no images"),
            (
                &small,
                &[1, 2, 3],
                &with(&[0.0, 1.0]),
                "--mean has 2 numbers, expected one",
            ),
            (&small, &[1, 2, 3], &with(&[f64::NAN]), "--mean is NaN"),
            (
                &b"GIF89a".to_vec(),
                &[1, 2, 3],
                &plain,
                "not a PNG image; convert it",
            ),
            (
                &broken,
                &[1, 2, 3],
                &plain,
                "not a PNG image that can be read",
            ),
        ] {
            let error = row(bytes, features, scaling).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
        for len in 0..small.len() - 12 {
            assert!(
                row(&small[..len], &[1, 2, 3], &plain).is_err(),
                "{len} bytes"
            );
        }
    }

    /// An image that states a huge size takes no memory of that size.
    #[test]
    fn memory_is_that_of_the_image_that_is_wanted() {
        let mut huge = grey((3, 2), &[0; 6]);
        // Width and height of the first chunk, and its checksum.
        huge[16..24].copy_from_slice(&[0x40, 0, 0, 0, 0x40, 0, 0, 0]);
        let mut hasher = 0xffff_ffffu32;
        for byte in &huge[12..29] {
            hasher ^= u32::from(*byte);
            for _ in 0..8 {
                hasher = (hasher >> 1) ^ (0xedb8_8320 & (hasher & 1).wrapping_neg());
            }
        }
        huge[29..33].copy_from_slice(&(!hasher).to_be_bytes());
        let error = row(&huge, &[1, 2, 3], &Scaling::default()).unwrap_err();
        assert!(
            error.contains("1073741824 × 1073741824") || error.contains("limit"),
            "{error}"
        );
    }
}
