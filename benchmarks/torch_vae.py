"""The published VAE in PyTorch: the same layers, loss, batch and optimizer. Needs ``torch``.

PyTorch pads a transposed convolution at the other end than Keras, so the decoder is the mirror image
of ours: the same work, and with mirrored kernels the same pictures, mirrored.
"""

import math

import torch
from torch import nn

BATCH = 100


class TorchVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, stride=2), nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2), nn.ReLU(),
            nn.Flatten(),
            nn.Linear(6 * 6 * 64, 4),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(2, 7 * 7 * 32), nn.ReLU(),
            nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 64, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 3, padding=1),
        )  # fmt: skip

    def forward(self, images, noise):
        """The published loss over the batch size, in nats per image: β = 1/batch size."""
        mean, logvar = self.encoder(images).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * logvar) * noise
        logits = self.decoder(z)
        reconstruction = nn.functional.binary_cross_entropy_with_logits(
            logits, images, reduction="sum"
        )
        logpz = log_normal(z, torch.zeros_like(z), torch.zeros_like(z)).mean()
        logqz_x = log_normal(z, mean, logvar).mean()
        return (reconstruction + logqz_x - logpz) / len(images)


def log_normal(z, mean, logvar):
    squares = (z - mean) ** 2 * torch.exp(-logvar)
    return (-0.5 * (squares + logvar + math.log(2 * math.pi))).sum(dim=1)


def torch_loop(compiled):
    """A plain loop over shuffled batches, eager or with ``torch.compile``."""

    def contestant(images):
        device = "cuda" if torch.cuda.is_available() else "cpu"
        data = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device)
        model = TorchVAE().to(device)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, eps=1e-7)  # Keras's ε
        loss_of = torch.compile(model) if compiled else model

        def epoch():
            for batch in data[torch.randperm(len(data), device=device)].split(BATCH):
                loss = loss_of(batch, torch.randn(len(batch), 2, device=device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss.item()  # a GPU is done when this is

        return epoch

    return contestant
