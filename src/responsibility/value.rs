//! A control: whose it is in which model, what each side does, and which evidence there can be.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much of the service the provider runs (NIST SP 800-145, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// Infrastructure: machines and networks are rented, all in them is the customer's.
    Iaas,
    /// Platform: the customer brings code and data.
    Paas,
    /// Software: the customer brings data and users.
    Saas,
}

/// Whose cloud it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
    /// Microsoft Azure.
    Azure,
    /// Google Cloud.
    Gcp,
}

/// Who has to see to a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The customer alone.
    Customer,
    /// Both, each for a part of their own.
    Shared,
    /// The provider alone: the customer relies on the provider's auditors.
    Provider,
    /// Nobody: there is nothing of the kind in this model.
    None,
}

/// Text that is none of the words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is one of {0}")]
pub struct WordError(&'static str);

/// A control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Control {
    /// Its name here: `a-z 0-9 . -`.
    pub id: String,
    /// What it is about, in a few words.
    pub title: String,
    /// What others call it.
    pub ids: Ids,
    /// Whose it is.
    pub owner: Owners,
    /// What the provider does, in one sentence.
    pub provider: Option<String>,
    /// What is different at one provider.
    pub notes: BTreeMap<Provider, String>,
    /// Which report of the provider's auditors is about it.
    pub report: Option<String>,
    /// What the customer has to do, in one sentence.
    pub customer: Option<String>,
    /// What the evidence does not show, even where all of it holds.
    pub gap: Option<String>,
    /// The evidence that there can be; none: karat cannot show it.
    pub evidence: Vec<Need>,
}

/// Names of a control in public catalogues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ids {
    /// NIST SP 800-53, revision 5: `CM-6`, `SI-7(1)`.
    pub nist: Vec<String>,
    /// CSA Cloud Controls Matrix, version 4.0: `IVS-04`.
    pub ccm: Vec<String>,
    /// CIS Critical Security Controls, version 8, by safeguard: `4.1`.
    pub cis: Vec<String>,
}

/// Whose a control is, by model; at some providers otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owners {
    pub(super) base: BTreeMap<Model, Owner>,
    pub(super) at: BTreeMap<Provider, BTreeMap<Model, Owner>>,
}

/// A piece of evidence that a control asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// What kind.
    pub kind: Kind,
    /// Most days that it may be old; `None`: it does not age.
    pub fresh: Option<u64>,
    /// Kind [`Kind::Rules`]: rules with one of these NIST ids.
    pub nist: Vec<String>,
    /// Kind [`Kind::Rules`]: rules by id; `*` at the end stands for all that begin so.
    pub rules: Vec<String>,
}

/// What evidence can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A report of a verification of an instance or image; its age is that of the verifier's clock.
    Attestation,
    /// The log of signatures, audited, has the statement, and it counts.
    History,
    /// The lock that the image was built from; its age is that of the archive's newest Release.
    Lock,
    /// The signed list of every path; its age is that of the build's clock.
    Manifest,
    /// The signed digests of what the image was built from.
    Provenance,
    /// Results of hardening rules; their age is that of the build's clock.
    Rules,
    /// The signed list of packages (SBOM); its age is that of the build's clock.
    Sbom,
    /// The signed segment, and checks over the fleet that find nothing.
    Segment,
}

impl Model {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iaas => "iaas",
            Self::Paas => "paas",
            Self::Saas => "saas",
        }
    }

    /// As people write it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Iaas => "IaaS",
            Self::Paas => "PaaS",
            Self::Saas => "SaaS",
        }
    }
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Aws, Self::Azure, Self::Gcp];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Gcp => "gcp",
        }
    }

    /// Its own name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Azure => "Azure",
            Self::Gcp => "Google Cloud",
        }
    }

    /// Where customers get the reports of its auditors.
    pub const fn portal(self) -> &'static str {
        match self {
            Self::Aws => "AWS Artifact",
            Self::Azure => "Service Trust Portal",
            Self::Gcp => "Compliance Reports Manager",
        }
    }
}

impl Owner {
    /// Whether the customer has a part in it.
    pub const fn has_customer(self) -> bool {
        matches!(self, Self::Customer | Self::Shared)
    }

    /// Whether the provider has a part in it.
    pub const fn has_provider(self) -> bool {
        matches!(self, Self::Provider | Self::Shared)
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Shared => "shared",
            Self::Provider => "provider",
            Self::None => "none",
        }
    }
}

impl Kind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attestation => "attestation",
            Self::History => "history",
            Self::Lock => "lock",
            Self::Manifest => "manifest",
            Self::Provenance => "provenance",
            Self::Rules => "rules",
            Self::Sbom => "sbom",
            Self::Segment => "segment",
        }
    }
}

impl Owners {
    /// Whose it is.
    pub fn of(&self, model: Model, provider: Provider) -> Owner {
        let other = self.at.get(&provider).and_then(|it| it.get(&model));
        let base = other.or_else(|| self.base.get(&model));
        base.copied().unwrap_or(Owner::Customer)
    }

    /// Every answer that [`Owners::of`] gives.
    pub(super) fn all(&self) -> impl Iterator<Item = Owner> {
        let other = self.at.values().flat_map(BTreeMap::values);
        self.base.values().chain(other).copied()
    }
}

impl Control {
    /// The domain of the Cloud Controls Matrix that it belongs to: `IVS`; without an id of that
    /// matrix, `own`.
    pub fn domain(&self) -> &str {
        let first = self.ids.ccm.first();
        first
            .and_then(|id| id.rsplit_once('-'))
            .map_or("own", |(domain, _)| domain)
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Model {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "iaas" => Ok(Self::Iaas),
            "paas" => Ok(Self::Paas),
            "saas" => Ok(Self::Saas),
            _ => Err(WordError("iaas, paas, saas")),
        }
    }
}

impl FromStr for Provider {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "aws" => Ok(Self::Aws),
            "azure" => Ok(Self::Azure),
            "gcp" => Ok(Self::Gcp),
            _ => Err(WordError("aws, azure, gcp")),
        }
    }
}
