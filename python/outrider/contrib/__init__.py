# SPDX-License-Identifier: MIT
"""What belongs to one framework, and needs it: nothing here is imported by the rest of the package."""
