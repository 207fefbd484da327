//! What people know of an account: its bounds, how complete it is, and what is hidden before it is claimed.

use super::{
    account::{Account, AccountKind, Extras, Profile},
    custom_values,
    organisation::Organisation,
    refusal::Violations,
    text::{LABEL_MAX, NAME_MAX, check_len, check_required_text, check_text, check_unique, name_key},
};

/// Characters of an account's name at most.
pub const ACCOUNT_NAME_MAX: usize = 200;

/// Tags of an account at most.
pub const TAGS_MAX: usize = 50;

/// Notes everything that is wrong with it.
pub fn validate(v: &mut Violations, profile: &Profile, tags: &[String]) {
    check_required_text(v, "name", &profile.name, ACCOUNT_NAME_MAX);
    // Compatibility forms can unfold into many characters.
    if name_key(&profile.name).chars().count() > NAME_MAX {
        v.add("name", "is too long once its compatibility characters are written out");
    }
    for (field, text, max) in [
        ("grade", &profile.grade, LABEL_MAX),
        ("industry", &profile.industry, LABEL_MAX),
        ("source", &profile.source, LABEL_MAX),
        ("region", &profile.region, LABEL_MAX),
        ("phone", &profile.phone, LABEL_MAX),
        ("email", &profile.email, NAME_MAX),
        ("website", &profile.website, NAME_MAX),
    ] {
        check_text(v, field, text, max);
    }
    // Addresses and remarks have lines.
    for (field, text, max) in [("address", &profile.address, 1000), ("remark", &profile.remark, 10_000)] {
        if text.chars().count() > max {
            v.add(field, format!("must be at most {max} characters long"));
        }
        if text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t' && c != '\r')
        {
            v.add(
                field,
                "must not contain control characters other than tabs and line ends",
            );
        }
    }
    if let Some(at) = profile.location {
        if !(-90.0..=90.0).contains(&at.latitude) {
            v.add("location.latitude", "must be -90 to 90");
        }
        if !(-180.0..=180.0).contains(&at.longitude) {
            v.add("location.longitude", "must be -180 to 180");
        }
    }
    check_len(v, "tags", tags.len(), TAGS_MAX);
    check_unique(v, "tags", tags);
    for (at, tag) in tags.iter().enumerate() {
        check_required_text(v, &format!("tags[{at}]"), tag, LABEL_MAX);
    }
}

/// How many of the fields that can be edited are filled in, in percent. The kind, which has a value without anybody
/// giving one, does not count; custom fields that are in use do.
#[must_use]
pub fn completeness_percent(org: &Organisation, profile: &Profile, extras: &Extras) -> Option<u8> {
    let (custom, custom_filled) = custom_values::count(org, &extras.fields);
    let texts = [
        &profile.name,
        &profile.grade,
        &profile.industry,
        &profile.source,
        &profile.region,
        &profile.phone,
        &profile.email,
        &profile.website,
        &profile.address,
        &profile.remark,
    ];
    let filled = texts.iter().filter(|text| !text.is_empty()).count()
        + usize::from(profile.location.is_some())
        + usize::from(profile.external_id.is_some())
        + usize::from(!extras.tags.is_empty())
        + custom_filled;
    let all = texts.len() + 3 + custom;
    u8::try_from(filled * 100 / all).ok()
}

/// Empties the hidden fields.
pub fn mask(account: &mut Account, extras: &mut Extras, hidden: &[String]) {
    let profile = &mut account.profile;
    for field in hidden {
        match field.as_str() {
            "kind" => profile.kind = AccountKind::Company,
            "grade" => profile.grade.clear(),
            "industry" => profile.industry.clear(),
            "source" => profile.source.clear(),
            "region" => profile.region.clear(),
            "phone" => profile.phone.clear(),
            "email" => profile.email.clear(),
            "website" => profile.website.clear(),
            "address" => profile.address.clear(),
            "location" => profile.location = None,
            "remark" => profile.remark.clear(),
            "external_id" => profile.external_id = None,
            "tags" => extras.tags.clear(),
            "custom_fields" => extras.fields.clear(),
            _ => {}
        }
    }
}
