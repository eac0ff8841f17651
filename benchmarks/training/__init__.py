"""What training costs, beside the Object Detection API's, in one run; each module answers a question."""
