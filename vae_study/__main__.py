from .queue import main

main()
