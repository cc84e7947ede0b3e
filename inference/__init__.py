"""What the network says about a mammogram: classes, results, engines, training and evaluation."""
