//! The one error type of the crate.

use std::fmt;

/// Everything that can be wrong with what a caller hands over.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// A parameter of the space breaks a rule of its distribution.
    Parameter {
        /// The parameter's label.
        label: String,
        /// The rule, the value and a hint.
        reason: String,
    },
    /// A condition names a parameter that does not come before its child.
    Condition {
        /// The child's label.
        label: String,
        /// The parent's position as given.
        parent: usize,
    },
    /// A row does not have one value per parameter.
    RowLength {
        /// Number of parameters of the space.
        expected: usize,
        /// Number of values given.
        got: usize,
    },
    /// An observed value cannot belong to the parameter.
    Value {
        /// The parameter's label.
        label: String,
        /// The value.
        value: f64,
    },
    /// No parameter has this label or position.
    UnknownParameter(String),
    /// A setting is out of its range.
    Setting {
        /// The setting's name.
        name: String,
        /// The rule and the value.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter { label, reason } => write!(f, "parameter {label:?}: {reason}"),
            Self::Condition { label, parent } => write!(
                f,
                "parameter {label:?}: its condition names parameter number {parent}, \
                 which must come before it in the space"
            ),
            Self::RowLength { expected, got } => {
                write!(
                    f,
                    "expected {expected} values, one per parameter; got {got}"
                )
            }
            Self::Value { label, value } => {
                write!(f, "parameter {label:?} cannot have the value {value}")
            }
            Self::UnknownParameter(label) => write!(f, "the space has no parameter {label}"),
            Self::Setting { name, reason } => write!(f, "`{name}` {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
