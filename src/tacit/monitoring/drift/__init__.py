"""Has the world moved?  What users do now against what they did, by effect sizes that their own history calibrates."""
