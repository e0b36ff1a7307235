//! JSON in the one form of RFC 8785 (JSON Canonicalization Scheme), for what is hashed.
//!
//! Written here: the crates for it ask for another way of reading floats, and get all of serde_json's users built
//! with it.

use std::fmt::Write;

use eyre::{ensure, eyre};
use serde_json::{Map, Number, Value};

/// A value's canonical bytes.
///
/// # Errors
/// A number that is no finite double.
pub fn bytes(value: &Value) -> eyre::Result<Vec<u8>> {
    let mut out = String::new();
    write(value, &mut out)?;
    Ok(out.into_bytes())
}

/// Reads JSON that is in canonical form, which excludes doubled members.
///
/// # Errors
/// Malformed JSON, and any other form of it.
pub fn read(text: &[u8]) -> eyre::Result<Value> {
    let value: Value = serde_json::from_slice(text)?;
    ensure!(
        bytes(&value)? == text,
        "not in canonical form (RFC 8785: members sorted, no white space, no final line feed, numbers as ECMAScript writes them)"
    );
    Ok(value)
}

fn write(value: &Value, out: &mut String) -> eyre::Result<()> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(value) => out.push_str(&number(value)?),
        Value::String(value) => string(value, out)?,
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                write(item, out)?;
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Object(members) => object(members, out)?,
    }
    Ok(())
}

/// Members by the UTF-16 units of their names.
fn object(members: &Map<String, Value>, out: &mut String) -> eyre::Result<()> {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        out.push(if index == 0 { '{' } else { ',' });
        string(name, out)?;
        out.push(':');
        write(value, out)?;
    }
    out.push_str(if members.is_empty() { "{}" } else { "}" });
    Ok(())
}

/// serde_json escapes as the scheme does: the short forms, and `\u00xx` for other control characters.
fn string(text: &str, out: &mut String) -> eyre::Result<()> {
    out.push_str(&serde_json::to_string(text)?);
    Ok(())
}

fn number(number: &Number) -> eyre::Result<String> {
    let value = number.as_f64().filter(|value| value.is_finite());
    let value = value.ok_or_else(|| eyre!("{number} is no number of JSON in double precision"))?;
    Ok(double(value))
}

/// `Number.prototype.toString` of ECMAScript: the shortest digits that read back as the same double.
fn double(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let shortest = format!("{:e}", value.abs());
    // Of so many digits those nearest to the value, of two as near the even ones; Rust's shortest take the upper.
    let places = shortest.find('e').unwrap_or(1).saturating_sub(2);
    let nearest = format!("{:.places$e}", value.abs());
    let scientific = match nearest.parse() == Ok(value.abs()) {
        true => nearest,
        false => shortest,
    };
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = digits.replace('.', "");
    // The value is 0.DIGITS · 10^point.
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let count = digits.len() as i32;
    let zeros = |count: i32| "0".repeat(count.unsigned_abs() as usize);
    let mut out = String::from(if value < 0.0 { "-" } else { "" });
    let _ = match point {
        1..=21 if count <= point => write!(out, "{digits}{}", zeros(point - count)),
        1..=21 => {
            let (whole, part) = digits.split_at(point.unsigned_abs() as usize);
            write!(out, "{whole}.{part}")
        }
        -5..=0 => write!(out, "0.{}{digits}", zeros(point)),
        _ => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            write!(out, "{first}{dot}{rest}e{:+}", point - 1)
        }
    };
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8785, appendix B.
    #[test]
    fn numbers_are_those_of_the_standard() {
        let vectors: [(u64, &str); 24] = [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ];
        for (bits, expected) in vectors {
            let value = f64::from_bits(bits);
            assert_eq!(double(value), expected, "{bits:x}");
            assert_eq!(double(value).parse::<f64>().unwrap(), value, "{bits:x}");
        }
    }

    /// RFC 8785, sections 3.2.2 and 3.2.3.
    #[test]
    fn the_standards_examples_are_as_it_writes_them() {
        let text = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let value: Value = serde_json::from_str(text).unwrap();
        let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        assert_eq!(String::from_utf8(bytes(&value).unwrap()).unwrap(), expected);
        assert_eq!(read(expected.as_bytes()).unwrap(), value_of(expected));

        let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let canonical = String::from_utf8(bytes(&value_of(text)).unwrap()).unwrap();
        let names = [
            "Carriage Return",
            "One",
            "Control",
            "Latin Small",
            "Euro Sign",
            "Emoji",
            "Hebrew",
        ];
        let places: Vec<usize> = names.iter().map(|n| canonical.find(n).unwrap()).collect();
        assert!(places.is_sorted(), "{canonical}");
    }

    fn value_of(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "{\"a\":1 }",
            "{\"b\":1,\"a\":2}",
            "{\"a\":1,\"a\":1}",
            "{\"a\":1.0}",
            "{\"a\":1e0}",
            "{\"a\":-0}",
            "{\"a\":\"\\u0041\"}",
            "{\"a\":1}\n",
            "{\"a\":9007199254740993}",
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("canonical form"), "{text}: {error}");
        }
        let error = read(b"{\"a\":1e400}").unwrap_err().to_string();
        assert!(
            error.contains("double precision") || error.contains("out of range"),
            "{error}"
        );
        assert!(read(b"{\"a\":").is_err());
        for text in ["{\"a\":1}", "[]", "{}", "[{},[],\"\",0.1,-1e-7]"] {
            read(text.as_bytes()).unwrap();
        }
    }
}
