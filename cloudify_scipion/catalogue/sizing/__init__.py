"""What machine a project needs: steps, memory, hours, the smallest flavour that fits, and a plan of phases."""
