;; The explorer's inner loops with four numbers at a time. kernels.js holds what wabt makes of this
;; (npm run build); plainLayer in networks.js does the same in JavaScript, where this cannot run.
(module
  (memory (export "memory") 1)

  ;; One layer with weights. Numbers are float32, addresses and sizes of steps are in bytes; `out`
  ;; holds the biases already. An image lies in the order row, column, channel.
  ;;
  ;; Each input pixel (r, c) is spread over the output pixels below the kernel: with stretch = 1
  ;; (Conv2DTranspose, and Dense as a kernel of one cell) these are (r·down + y − top, …), with
  ;; stretch = 0 (Conv2D) they are (r + top − y)/down, where that is whole.
  ;;
  ;; With four filters or more the kernel is [cell][channel][filter], filters filled up to a multiple
  ;; of four with zeros; what they add to the next pixel's numbers is zero. With fewer it is
  ;; [cell][filter][channel], with channels filled up.
  (func (export "layer")
    (param $in i32) (param $height i32) (param $width i32) (param $channels i32)
    (param $kernel i32) (param $tall i32) (param $wide i32)
    (param $down i32) (param $right i32) (param $top i32) (param $left i32)
    (param $out i32) (param $rows i32) (param $columns i32) (param $filters i32)
    (param $stretch i32) (param $list i32)
    (local $r i32) (local $c i32) (local $x i32) (local $y i32) (local $row i32) (local $column i32)
    (local $pixel i32) (local $channelsEnd i32) (local $i i32) (local $end i32) (local $full i32)
    (local $cell i32) (local $cellSize i32) (local $o i32) (local $k i32) (local $f i32)
    (local $value f32) (local $v v128) (local $step i32)
    (local $a v128) (local $b v128) (local $d v128) (local $e v128)
    (local $g v128) (local $h v128) (local $m v128) (local $n v128)

    ;; Bytes from one channel's filters (or one filter's channels) to the next's, and of a cell.
    (if (i32.ge_u (local.get $filters) (i32.const 4))
      (then
        (local.set $step (i32.shl (i32.and (i32.add (local.get $filters) (i32.const 3)) (i32.const -4)) (i32.const 2)))
        (local.set $cellSize (i32.mul (local.get $step) (local.get $channels))))
      (else
        (local.set $step (i32.shl (i32.and (i32.add (local.get $channels) (i32.const 3)) (i32.const -4)) (i32.const 2)))
        (local.set $cellSize (i32.mul (local.get $step) (local.get $filters)))))

    (local.set $pixel (local.get $in))
    (local.set $r (i32.const 0))
    (block $noRow (loop $nextRow
      (br_if $noRow (i32.ge_s (local.get $r) (local.get $height)))
      (local.set $c (i32.const 0))
      (block $noColumn (loop $nextColumn
        (br_if $noColumn (i32.ge_s (local.get $c) (local.get $width)))

        ;; The pixel's channels that are not zero, about half after a ReLU: where the kernel's
        ;; numbers for them begin in a cell, and their values.
        (local.set $end (local.get $list))
        (if (i32.ge_u (local.get $filters) (i32.const 4)) (then
          (local.set $i (local.get $pixel))
          (local.set $channelsEnd (i32.add (local.get $pixel) (i32.shl (local.get $channels) (i32.const 2))))
          (local.set $k (i32.const 0))
          (loop $nextChannel
            (local.set $value (f32.load (local.get $i)))
            (if (f32.ne (local.get $value) (f32.const 0)) (then
              (i32.store (local.get $end) (local.get $k))
              (f32.store offset=4 (local.get $end) (local.get $value))
              (local.set $end (i32.add (local.get $end) (i32.const 8)))))
            (local.set $k (i32.add (local.get $k) (local.get $step)))
            (local.set $i (i32.add (local.get $i) (i32.const 4)))
            (br_if $nextChannel (i32.lt_u (local.get $i) (local.get $channelsEnd))))))

        (local.set $cell (local.get $kernel))
        (local.set $y (i32.const 0))
        (block $noY (loop $nextY
          (br_if $noY (i32.ge_s (local.get $y) (local.get $tall)))
          (local.set $x (i32.const 0))
          (block $noX (loop $nextX
            (br_if $noX (i32.ge_s (local.get $x) (local.get $wide)))
            (block $outside
              (if (local.get $stretch)
                (then
                  (local.set $row (i32.sub (i32.add (i32.mul (local.get $r) (local.get $down)) (local.get $y)) (local.get $top)))
                  (local.set $column (i32.sub (i32.add (i32.mul (local.get $c) (local.get $right)) (local.get $x)) (local.get $left))))
                (else
                  (local.set $row (i32.sub (i32.add (local.get $r) (local.get $top)) (local.get $y)))
                  (local.set $column (i32.sub (i32.add (local.get $c) (local.get $left)) (local.get $x)))
                  (br_if $outside (i32.rem_s (local.get $row) (local.get $down)))
                  (br_if $outside (i32.rem_s (local.get $column) (local.get $right)))
                  (local.set $row (i32.div_s (local.get $row) (local.get $down)))
                  (local.set $column (i32.div_s (local.get $column) (local.get $right)))))
              ;; Without sign, what is below zero is beyond the end as well.
              (br_if $outside (i32.ge_u (local.get $row) (local.get $rows)))
              (br_if $outside (i32.ge_u (local.get $column) (local.get $columns)))
              (local.set $o (i32.add (local.get $out) (i32.shl (i32.mul
                (i32.add (i32.mul (local.get $row) (local.get $columns)) (local.get $column))
                (local.get $filters)) (i32.const 2))))

              (if (i32.lt_u (local.get $filters) (i32.const 4)) (then
                ;; Few filters: each is a product of two rows of channels.
                (local.set $k (local.get $cell))
                (local.set $f (i32.const 0))
                (loop $nextFilter
                  (local.set $a (v128.const f32x4 0 0 0 0))
                  (local.set $i (local.get $pixel))
                  (local.set $full (i32.add (local.get $k) (local.get $step)))
                  (loop $four
                    (local.set $a (f32x4.add (local.get $a)
                      (f32x4.mul (v128.load (local.get $i)) (v128.load (local.get $k)))))
                    (local.set $i (i32.add (local.get $i) (i32.const 16)))
                    (local.set $k (i32.add (local.get $k) (i32.const 16)))
                    (br_if $four (i32.lt_u (local.get $k) (local.get $full))))
                  (f32.store (local.get $o) (f32.add (f32.load (local.get $o)) (f32.add
                    (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
                    (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a))))))
                  (local.set $o (i32.add (local.get $o) (i32.const 4)))
                  (local.set $f (i32.add (local.get $f) (i32.const 1)))
                  (br_if $nextFilter (i32.lt_u (local.get $f) (local.get $filters))))
                (br $outside)))

              (br_if $outside (i32.eq (local.get $end) (local.get $list)))
              ;; Many filters: thirty-two at a time as long as there are so many, then four.
              (local.set $f (i32.const 0))
              (block $noMore (loop $many
                (br_if $noMore (i32.gt_u (i32.add (local.get $f) (i32.const 128)) (local.get $step)))
                (local.set $a (v128.load (local.get $o)))
                (local.set $b (v128.load offset=16 (local.get $o)))
                (local.set $d (v128.load offset=32 (local.get $o)))
                (local.set $e (v128.load offset=48 (local.get $o)))
                (local.set $g (v128.load offset=64 (local.get $o)))
                (local.set $h (v128.load offset=80 (local.get $o)))
                (local.set $m (v128.load offset=96 (local.get $o)))
                (local.set $n (v128.load offset=112 (local.get $o)))
                (local.set $i (local.get $list))
                (loop $each
                  (local.set $k (i32.add (i32.add (local.get $cell) (local.get $f)) (i32.load (local.get $i))))
                  (local.set $v (v128.load32_splat offset=4 (local.get $i)))
                  (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $v) (v128.load (local.get $k)))))
                  (local.set $b (f32x4.add (local.get $b) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $k)))))
                  (local.set $d (f32x4.add (local.get $d) (f32x4.mul (local.get $v) (v128.load offset=32 (local.get $k)))))
                  (local.set $e (f32x4.add (local.get $e) (f32x4.mul (local.get $v) (v128.load offset=48 (local.get $k)))))
                  (local.set $g (f32x4.add (local.get $g) (f32x4.mul (local.get $v) (v128.load offset=64 (local.get $k)))))
                  (local.set $h (f32x4.add (local.get $h) (f32x4.mul (local.get $v) (v128.load offset=80 (local.get $k)))))
                  (local.set $m (f32x4.add (local.get $m) (f32x4.mul (local.get $v) (v128.load offset=96 (local.get $k)))))
                  (local.set $n (f32x4.add (local.get $n) (f32x4.mul (local.get $v) (v128.load offset=112 (local.get $k)))))
                  (local.set $i (i32.add (local.get $i) (i32.const 8)))
                  (br_if $each (i32.lt_u (local.get $i) (local.get $end))))
                (v128.store (local.get $o) (local.get $a))
                (v128.store offset=16 (local.get $o) (local.get $b))
                (v128.store offset=32 (local.get $o) (local.get $d))
                (v128.store offset=48 (local.get $o) (local.get $e))
                (v128.store offset=64 (local.get $o) (local.get $g))
                (v128.store offset=80 (local.get $o) (local.get $h))
                (v128.store offset=96 (local.get $o) (local.get $m))
                (v128.store offset=112 (local.get $o) (local.get $n))
                (local.set $o (i32.add (local.get $o) (i32.const 128)))
                (local.set $f (i32.add (local.get $f) (i32.const 128)))
                (br $many)))
              (block $none (loop $rest
                (br_if $none (i32.ge_u (local.get $f) (local.get $step)))
                (local.set $a (v128.load (local.get $o)))
                (local.set $i (local.get $list))
                (loop $each
                  (local.set $k (i32.add (i32.add (local.get $cell) (local.get $f)) (i32.load (local.get $i))))
                  (local.set $a (f32x4.add (local.get $a)
                    (f32x4.mul (v128.load32_splat offset=4 (local.get $i)) (v128.load (local.get $k)))))
                  (local.set $i (i32.add (local.get $i) (i32.const 8)))
                  (br_if $each (i32.lt_u (local.get $i) (local.get $end))))
                (v128.store (local.get $o) (local.get $a))
                (local.set $o (i32.add (local.get $o) (i32.const 16)))
                (local.set $f (i32.add (local.get $f) (i32.const 16)))
                (br $rest))))

            (local.set $cell (i32.add (local.get $cell) (local.get $cellSize)))
            (local.set $x (i32.add (local.get $x) (i32.const 1)))
            (br $nextX)))
          (local.set $y (i32.add (local.get $y) (i32.const 1)))
          (br $nextY)))

        (local.set $pixel (i32.add (local.get $pixel) (i32.shl (local.get $channels) (i32.const 2))))
        (local.set $c (i32.add (local.get $c) (i32.const 1)))
        (br $nextColumn)))
      (local.set $r (i32.add (local.get $r) (i32.const 1)))
      (br $nextRow))))

  ;; Everything below zero becomes zero, from an address to another; up to three numbers more.
  (func (export "relu") (param $from i32) (param $to i32)
    (loop $next
      (v128.store (local.get $from)
        (f32x4.max (v128.load (local.get $from)) (v128.const f32x4 0 0 0 0)))
      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $from) (local.get $to))))))
