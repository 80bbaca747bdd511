//! Settings as data: name, kind, range, default and one sentence each. Checks, the Python signatures
//! and the documentation come from here, or are tested against it.

use crate::error::{Error, Result};
use crate::samplers::sampler::Settings;

/// The value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number, or a whole number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// One of several names.
    Name(String),
}

/// The values that a setting may have, and its default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A finite number greater than zero.
    Positive(f64),
    /// A number from `low` to `high`, which may be infinite but is not reached then.
    Number {
        /// The default.
        default: f64,
        /// The smallest.
        low: f64,
        /// The largest.
        high: f64,
    },
    /// A whole number.
    Count {
        /// The default.
        default: usize,
        /// The smallest.
        least: usize,
    },
    /// Yes or no.
    Flag(bool),
    /// One of several names.
    Name {
        /// The default.
        default: &'static str,
        /// All of them.
        names: &'static [&'static str],
    },
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Its name, as in Python.
    pub name: &'static str,
    /// Its values and default.
    pub kind: Kind,
    /// What it is, in one sentence.
    pub doc: &'static str,
}

impl Setting {
    /// Its default.
    #[must_use]
    pub fn default(&self) -> Value {
        match self.kind {
            Kind::Positive(default) | Kind::Number { default, .. } => Value::Number(default),
            Kind::Count { default, .. } => Value::Number(default as f64),
            Kind::Flag(default) => Value::Flag(default),
            Kind::Name { default, .. } => Value::Name(default.to_owned()),
        }
    }

    /// Checks a value.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] that names the setting, the rule and the value.
    pub fn check(&self, value: &Value) -> Result<()> {
        let fits = match (&self.kind, value) {
            (Kind::Positive(_), Value::Number(x)) => x.is_finite() && *x > 0.0,
            (Kind::Number { low, high, .. }, Value::Number(x)) => {
                x.is_finite() && (low..=high).contains(&x)
            }
            (Kind::Count { least, .. }, Value::Number(x)) => {
                x.fract() == 0.0 && *x >= *least as f64 && *x < MAX_COUNT
            }
            (Kind::Flag(_), Value::Flag(_)) => true,
            (Kind::Name { names, .. }, Value::Name(name)) => names.contains(&name.as_str()),
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(Error::Setting {
            name: self.name.to_owned(),
            reason: format!("must be {}; got {}", self.rule(), shown(value)),
        })
    }

    /// What its values must be, in words.
    #[must_use]
    pub fn rule(&self) -> String {
        match self.kind {
            Kind::Positive(_) => "positive and finite".to_owned(),
            Kind::Number { low, high, .. } if high.is_infinite() => {
                format!("at least {low} and finite")
            }
            Kind::Number { low, high, .. } => format!("from {low} to {high}"),
            Kind::Count { least, .. } => format!("a whole number of at least {least}"),
            Kind::Flag(_) => "true or false".to_owned(),
            Kind::Name { names, .. } => format!("one of {}", names.join(", ")),
        }
    }
}

/// Whole numbers beyond this are not exact as floats.
const MAX_COUNT: f64 = 9_007_199_254_740_992.0;

fn shown(value: &Value) -> String {
    match value {
        Value::Number(x) => x.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Name(name) => format!("{name:?}"),
    }
}

/// A sampler's name, settings, and how it is made of them.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its settings.
    pub options: &'static [Setting],
    pub(crate) make: fn(&Given<'_>) -> Box<dyn Settings>,
}

/// Values of settings that were given, and the defaults of the others.
#[derive(Debug)]
pub struct Given<'a> {
    options: &'a [Setting],
    given: &'a [(String, Value)],
}

impl<'a> Given<'a> {
    /// Checks names and values.
    pub(crate) fn new(options: &'a [Setting], given: &'a [(String, Value)]) -> Result<Self> {
        for (name, value) in given {
            let option = options.iter().find(|option| option.name == name);
            let option = option.ok_or_else(|| Error::Setting {
                name: name.clone(),
                reason: "is not a setting of this sampler".to_owned(),
            })?;
            option.check(value)?;
        }
        Ok(Self { options, given })
    }

    fn value(&self, name: &str) -> Option<Value> {
        let given = self.given.iter().find(|(known, _)| known == name);
        given.map(|(_, value)| value.clone()).or_else(|| {
            let option = self.options.iter().find(|option| option.name == name);
            option.map(Setting::default)
        })
    }

    /// A number, or `other` where there is no such setting.
    pub(crate) fn number(&self, name: &str, other: f64) -> f64 {
        match self.value(name) {
            Some(Value::Number(x)) => x,
            _ => other,
        }
    }

    /// A whole number.
    pub(crate) fn count(&self, name: &str, other: usize) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked"
        )]
        match self.value(name) {
            Some(Value::Number(x)) => x as usize,
            _ => other,
        }
    }

    /// Yes or no.
    pub(crate) fn flag(&self, name: &str, other: bool) -> bool {
        match self.value(name) {
            Some(Value::Flag(flag)) => flag,
            _ => other,
        }
    }

    /// Whether the setting has that name as its value.
    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        matches!(self.value(name), Some(Value::Name(own)) if own == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samplers::{SAMPLERS, settings};

    #[test]
    fn defaults_are_within_their_ranges_and_make_a_sampler() {
        for entry in SAMPLERS {
            let given: Vec<(String, Value)> = entry
                .options
                .iter()
                .map(|option| {
                    assert!(option.doc.ends_with('.'), "{}", option.name);
                    (option.name.to_owned(), option.default())
                })
                .collect();
            let plain = settings(entry.name, &[]).expect("defaults fit");
            let all = settings(entry.name, &given).expect("defaults fit");
            assert_eq!(format!("{plain:?}"), format!("{all:?}"));
            assert!(plain.check().is_ok());
        }
    }

    #[test]
    fn what_is_unknown_or_out_of_range_is_refused_with_rule_and_value() {
        let refused = |sampler: &str, name: &str, value: Value| {
            let given = [(name.to_owned(), value)];
            settings(sampler, &given).expect_err("refused").to_string()
        };
        let number = Value::Number;
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let message = refused("tpe", "gamma", number(bad));
            assert_eq!(
                message,
                format!("`gamma` must be positive and finite; got {bad}")
            );
        }
        for (name, bad) in [
            ("gp_share", number(1.5)),
            ("gp_share", Value::Flag(true)),
            ("n_EI_candidates", number(0.0)),
            ("n_EI_candidates", number(2.5)),
            ("n_startup_jobs", number(-1.0)),
            ("multivariate", number(1.0)),
            ("startup", Value::Name("sobol".to_owned())),
            ("unknown", number(1.0)),
        ] {
            assert!(refused("tpe", name, bad).contains(name));
        }
        assert!(refused("anneal", "avg_best_idx", number(0.5)).contains("at least 1"));
        assert!(refused("hyperopt", "gp_share", number(0.5)).contains("not a setting"));
        let missing = settings("sobol", &[]).expect_err("refused").to_string();
        assert!(missing.contains("\"tpe\""), "{missing}");
    }
}
