//! Flat search spaces: parameters with priors and conditions.

pub(crate) mod distribution;
pub(crate) mod draw;
pub(crate) mod inside;

use crate::error::{Error, Result};
use crate::space::distribution::Distribution;

/// `parameter == value`, one part of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Equals {
    /// Position of the parent in the space.
    pub parent: usize,
    /// The value the parent must have.
    pub value: i64,
}

/// One parameter: its label, prior, and when it is active.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its unique label.
    pub label: String,
    /// Its prior.
    pub distribution: Distribution,
    /// Alternatives; each is a list of parts that must all hold. `[[]]` means always active.
    pub conditions: Vec<Vec<Equals>>,
}

impl Parameter {
    /// Whether the parameter takes part, given the values of the parameters before it
    /// (NaN where inactive).
    #[must_use]
    pub fn is_active(&self, row: &[f64]) -> bool {
        self.conditions.iter().any(|all| {
            all.iter().all(|part| {
                // Parents are whole numbers below 2^53 (checked when the space was built).
                row[part.parent] == part.value as f64
            })
        })
    }
}

/// A flat search space. Parents come before their children.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    parameters: Vec<Parameter>,
}

impl Space {
    /// Builds a space.
    ///
    /// # Errors
    ///
    /// [`Error::Condition`] where a parent does not come before its child,
    /// [`Error::Parameter`] where a label occurs twice.
    pub fn new(parameters: Vec<Parameter>) -> Result<Self> {
        for (index, parameter) in parameters.iter().enumerate() {
            for part in parameter.conditions.iter().flatten() {
                if part.parent >= index {
                    return Err(Error::Condition {
                        label: parameter.label.clone(),
                        parent: part.parent,
                    });
                }
            }
            if parameters[..index]
                .iter()
                .any(|p| p.label == parameter.label)
            {
                return Err(Error::Parameter {
                    label: parameter.label.clone(),
                    reason: "a label must name one parameter only; it occurs twice".to_owned(),
                });
            }
        }
        Ok(Self { parameters })
    }

    /// The parameters, parents first.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Number of parameters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether the space has no parameters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// A space of parameters `p0`, `p1`, ... that are always active, by the names and arguments of
    /// their priors.
    ///
    /// # Errors
    ///
    /// As [`Distribution::new`].
    pub fn flat(priors: &[(&str, &[f64])]) -> Result<Self> {
        let parameters = priors.iter().enumerate().map(|(index, (name, args))| {
            let label = format!("p{index}");
            Ok(Parameter {
                distribution: Distribution::new(&label, name, args)?,
                label,
                conditions: vec![vec![]],
            })
        });
        Self::new(parameters.collect::<Result<_>>()?)
    }

    /// Position of the parameter with this label.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownParameter`] where there is none.
    pub fn index_of(&self, label: &str) -> Result<usize> {
        self.parameters
            .iter()
            .position(|p| p.label == label)
            .ok_or_else(|| Error::UnknownParameter(format!("{label:?}")))
    }
}
