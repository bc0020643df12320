"""What trials report, turned into contrasts with their derivation; start with `contrasts`."""
