"""What values look like: live profiles that merge, and the references they are held to."""

from runtime.profiles.contract import Contract as Contract
from runtime.profiles.contract import read_contract as read_contract
from runtime.profiles.live import LiveOptions as LiveOptions
from runtime.profiles.live import live_options as live_options
from runtime.profiles.profile import FeatureSummary as FeatureSummary
from runtime.profiles.profile import Profile as Profile
from runtime.profiles.reading import read_columns as read_columns
from runtime.profiles.reference import FeatureReference as FeatureReference
from runtime.profiles.reference import Reference as Reference
from runtime.profiles.reference import ReferenceCategory as ReferenceCategory
