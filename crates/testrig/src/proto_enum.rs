//! The values of enums in `proto/`, for tests that compare them with code and documents.

use prost::Message as _;
use prost_types::{
    EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet, source_code_info::Location,
};

/// Fields of `FileDescriptorProto` and `EnumDescriptorProto`, the parts of a location's path.
const ENUM_TYPE: i32 = 5;
const VALUE: i32 = 2;

/// One value of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumValue {
    /// The name without the enum's prefix.
    pub name: String,
    /// The heading: the last comment above that stands alone.
    pub heading: String,
    /// The comment, in one line.
    pub comment: String,
}

/// The values of the enum, without UNSPECIFIED, in the order of the file.
///
/// # Panics
/// When `proto/` has no such enum.
pub fn values(package: &str, name: &str) -> Vec<EnumValue> {
    let set = FileDescriptorSet::decode(slipway_wire::DESCRIPTOR_SET).expect("a descriptor set");
    let files = set.file.iter().filter(|file| file.package() == package);
    let (file, index) = files
        .filter_map(|file| Some((file, file.enum_type.iter().position(|it| it.name() == name)?)))
        .next()
        .unwrap_or_else(|| panic!("proto/ has no enum {package}.{name}"));

    read_values(file, index, &file.enum_type[index])
}

fn read_values(
    file: &FileDescriptorProto,
    index: usize,
    descriptor: &EnumDescriptorProto,
) -> Vec<EnumValue> {
    let (unspecified, others) = descriptor.value.split_first().expect("the value 0");
    let prefix = unspecified.name().trim_end_matches("UNSPECIFIED");

    let mut heading = String::new();
    let mut values = Vec::new();
    for (number, value) in (1..).zip(others) {
        let location = location(file, &[ENUM_TYPE, path_part(index), VALUE, number]);
        if let Some(last) = location.leading_detached_comments.last() {
            heading = one_line(last);
        }

        values.push(EnumValue {
            name: value.name().trim_start_matches(prefix).to_owned(),
            heading: heading.clone(),
            comment: one_line(location.leading_comments()),
        });
    }
    values
}

fn location<'a>(file: &'a FileDescriptorProto, path: &[i32]) -> &'a Location {
    let info = file.source_code_info.as_ref().expect("the comments of the file");
    info.location.iter().find(|location| location.path == path).expect("the value's location")
}

fn path_part(index: usize) -> i32 {
    index.try_into().expect("a small index")
}

fn one_line(comment: &str) -> String {
    comment.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Compares a document with the enum: it has one table row for each value, in this order.
///
/// # Panics
/// When the document lacks the rows; the message has them.
pub fn check_table(document: &str, values: &[EnumValue]) {
    let row = |value: &EnumValue| {
        format!("| `{}` | {} | {} |\n", value.name, value.heading, value.comment)
    };
    let rows: String = values.iter().map(row).collect();

    assert!(document.contains(&rows), "the document has not these rows:\n{rows}");
}
