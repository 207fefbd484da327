//! Values as text: what each kind looks like, and that none can be more than a value.

use super::filled;
use sea_orm::Value;
use uuid::Uuid;

#[test]
fn each_kind_of_value_is_written() {
    let cases: &[(Value, &str)] = &[
        (true.into(), "1"),
        (false.into(), "0"),
        ((-5_i16).into(), "-5"),
        (i64::MIN.into(), "-9223372036854775808"),
        (u64::MAX.into(), "18446744073709551615"),
        (Option::<i64>::None.into(), "NULL"),
        (31.25_f64.into(), "3.125e1"),
        ((-1e-7_f64).into(), "-1e-7"),
        (Option::<f64>::None.into(), "NULL"),
        ("".into(), "''"),
        (
            "Bächlein & Söhne, \"A\" 100 % _ ;-- /*".into(),
            "'Bächlein & Söhne, \"A\" 100 % _ ;-- /*'",
        ),
        (Option::<String>::None.into(), "NULL"),
        (Vec::<u8>::new().into(), "x''"),
        (vec![0_u8, 39, 255].into(), "x'0027ff'"),
        (Option::<Vec<u8>>::None.into(), "NULL"),
        (Uuid::from_u128(0x0a).into(), "x'0000000000000000000000000000000a'"),
    ];
    for (value, text) in cases {
        assert_eq!(
            filled("SELECT ?", std::slice::from_ref(value)).as_deref(),
            Some(format!("SELECT {text}").as_str())
        );
    }
}

#[test]
fn what_could_end_a_string_is_written_in_digits() {
    for (value, digits) in [
        ("'", "27"),
        ("\\", "5c"),
        ("a\n", "610a"),
        ("\0", "00"),
        ("\u{1a}", "1a"),
        ("ü'", "c3bc27"),
    ] {
        let text = filled("?", &[value.into()]);
        assert_eq!(text, Some(format!("_utf8mb4 x'{digits}'")));
    }
}

#[test]
fn a_question_mark_in_a_value_is_not_a_place_for_the_next() {
    let text = filled("VALUES (?, ?)", &["why?".into(), 1_i64.into()]);
    assert_eq!(text.as_deref(), Some("VALUES ('why?', 1)"));
}

#[test]
fn what_does_not_fit_is_not_written() {
    assert_eq!(filled("? ?", &[1_i64.into()]), None);
    assert_eq!(filled("?", &[1_i64.into(), 2_i64.into()]), None);
    assert_eq!(filled("?", &[f64::NAN.into()]), None);
    assert_eq!(filled("?", &['a'.into()]), None);
}
